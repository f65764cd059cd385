// The player: a lane of loudness for each voice, drawn from figures that the server has; lines and sound go together.
import WaveSurfer from './wavesurfer.js'

const box = document.querySelector('#player')
const audio = document.querySelector('#audio')

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

/** A canvas knows no `light-dark()`: what it becomes is read from an element that has the colour. */
const colourOf = (name) => {
  const probe = document.createElement('span')
  probe.className = name
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
const faint = (colour) => colour.replace(/^rgb\(([^)]+)\)$/, 'rgb($1 / 0.45)').replaceAll(',', ' ')

const draw = async () => {
  const answer = await fetch(box.dataset.peaks)
  if (!answer.ok) return null
  const { peaks } = await answer.json()
  const duration = Number(box.dataset.duration)
  if (!Array.isArray(peaks) || peaks.length === 0 || !(duration > 0)) return null
  const lanes = box.dataset.lanes.split(',')
  const colours = peaks.map((_, index) => colourOf(lanes[index] === 'customer' ? 'customer' : 'agent'))
  const place = document.querySelector('#wave')
  place.classList.add('on')
  return WaveSurfer.create({
    container: place,
    media: audio,
    peaks,
    duration,
    height: peaks.length > 1 ? 56 : 112,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    normalize: true,
    cursorColor: colourOf('dim'),
    cspNonce: box.dataset.nonce,
    dragToSeek: true,
    waveColor: faint(colours[0]),
    progressColor: colours[0],
    ...(peaks.length > 1
      ? { splitChannels: colours.map((colour) => ({ waveColor: faint(colour), progressColor: colour })) }
      : {}),
  })
}

const start = async () => {
  const play = document.querySelector('#play')
  const time = document.querySelector('#clock')
  const speed = document.querySelector('#speed')
  const lines = [...document.querySelectorAll('#lines li')]
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : Number(box.dataset.duration) || 0)
  document.querySelector('.controls').hidden = false
  audio.hidden = true
  const toggle = () => (audio.paused ? audio.play() : audio.pause())
  play.addEventListener('click', toggle)
  speed.addEventListener('change', () => {
    audio.playbackRate = Number(speed.value)
  })
  const follow = () => {
    time.textContent = `${clock(audio.currentTime)} / ${clock(length())}`
    for (const line of lines)
      line.classList.toggle(
        'now',
        audio.currentTime >= Number(line.dataset.start) && audio.currentTime < Number(line.dataset.end),
      )
  }
  for (const event of ['timeupdate', 'seeked', 'loadedmetadata']) audio.addEventListener(event, follow)
  for (const event of ['play', 'pause', 'ended'])
    audio.addEventListener(event, () => {
      play.textContent = audio.paused ? play.dataset.play : play.dataset.pause
    })
  audio.addEventListener('error', () => {
    audio.hidden = false
  })
  for (const line of lines) {
    const at = line.querySelector('.at')
    at.disabled = false
    at.addEventListener('click', () => {
      audio.currentTime = Number(line.dataset.start)
      audio.play()
    })
  }
  document.addEventListener('keydown', (event) => {
    if (event.key !== ' ' || event.target.closest('input, textarea, select, button, summary, a') !== null) return
    event.preventDefault()
    toggle()
  })
  await draw()
  box.dataset.ready = ''
}

if (box !== null && audio !== null) await start()
