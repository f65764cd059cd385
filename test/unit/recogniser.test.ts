import { beforeAll, describe, expect, it } from 'vitest'
import { decodeMp3Frames } from '../../src/audio/decode.ts'
import { scanMp3Frames } from '../../src/audio/mp3-frames.ts'
import { encodeWav } from '../../src/audio/wav.ts'
import { readWavSound } from '../../src/sandbox/frame-hashes.ts'
import { createRecogniser, type Recogniser } from '../../src/sandbox/recogniser.ts'
import { loadRecordings, type Recording } from '../../src/sandbox/recordings.ts'
import { encodeTones } from '../../src/sandbox/tones.ts'

let recordings: Recording[]
let recogniser: Recogniser
beforeAll(async () => {
  recordings = await loadRecordings()
  recogniser = await createRecogniser()
})

const named = (id: string): Recording => {
  const found = recordings.find((recording) => recording.id === id)
  if (!found) throw new Error(`no recording ${id}`)
  return found
}

async function decodeChannel(recording: Recording, channel: number): Promise<{ samples: Int16Array; rate: number }> {
  const values: number[] = []
  for await (const block of decodeMp3Frames([scanMp3Frames(await recording.bytes())])) {
    for (const value of block.channels[channel] ?? []) values.push(Math.round(value * 32767))
  }
  return { samples: Int16Array.from(values), rate: 8000 }
}

/** Noise that repeats from run to run. */
function noise(count: number, amplitude: number): Int16Array {
  let state = 7
  return Int16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.round((state / 2 ** 32 - 0.5) * 2 * amplitude)
  })
}

describe('the recordings', () => {
  it('are eight, in two languages, one stereo, one WAV, and no two say the same', () => {
    expect(recordings).toHaveLength(8)
    expect(recordings.filter(({ language }) => language === 'ru')).toHaveLength(4)
    expect(recordings.filter(({ channels }) => channels === 2)).toHaveLength(1)
    expect(recordings.filter(({ file }) => file.endsWith('.wav'))).toHaveLength(1)
    expect(new Set(recordings.map(({ words }) => words)).size).toBe(8)
    for (const { durationSeconds, segments } of recordings) {
      expect(durationSeconds).toBeGreaterThan(25)
      expect(durationSeconds).toBeLessThan(60)
      expect(segments.at(-1)?.end).toBeLessThan(durationSeconds)
    }
  })
})

describe('the recogniser', () => {
  it('hears every recording whole, from its bytes alone', async () => {
    for (const recording of recordings) {
      const heard = await recogniser.recognise(await recording.bytes())
      expect(heard?.text).toBe(recording.words)
      expect(heard?.language).toBe(recording.language)
      expect(heard?.segments).toEqual(recording.segments)
    }
  })

  it('is not misled by an ID3 tag or by rubbish before the sound', async () => {
    const recording = named('en-hot-freight')
    const tag = Buffer.concat([Buffer.from('ID3\x03\x00\x00\x00\x00\x01\x00', 'latin1'), Buffer.alloc(128, 0x41)])
    const heard = await recogniser.recognise(Buffer.concat([tag, Buffer.from('....'), await recording.bytes()]))
    expect(heard?.text).toBe(recording.words)
  })

  it('hears each word once over parts cut at any frame, with times of the part', async () => {
    for (const recording of recordings.filter(({ file }) => file.endsWith('.mp3'))) {
      const frames = scanMp3Frames(await recording.bytes())
      const cuts = [0, 131, 290, frames.length]
      const parts = []
      for (let index = 0; index < 3; index++) {
        const part = frames.slice(cuts[index], cuts[index + 1]).map((frame) => frame.bytes)
        parts.push(await recogniser.recognise(Buffer.concat(part)))
      }
      expect(parts.map((part) => part?.text).join(' ')).toBe(recording.words)
      for (const part of parts)
        for (const { start, end } of part?.segments ?? [])
          expect(start >= 0 && end <= (part?.durationSeconds ?? 0) && start < end).toBe(true)
    }
  })

  it('hears a WAV cut at an arbitrary sample, also rewritten as 16-bit', async () => {
    const recording = named('en-medium-school')
    const sound = readWavSound(await recording.bytes())
    if (!sound) throw new Error('unreadable')
    const from = 54_321
    const head = await recogniser.recognise(encodeWav(sound.samples.slice(0, from), sound.sampleRate))
    const tail = await recogniser.recognise(encodeWav(sound.samples.slice(from), sound.sampleRate))
    expect(`${head?.text} ${tail?.text}`).toBe(recording.words)
    const last = recording.segments.at(-1)
    expect(tail?.segments.at(-1)?.start).toBeCloseTo((last?.start ?? 0) - from / 8000, 2)
  })

  it('hears one side of a stereo call where its channel was taken out and written anew', async () => {
    const recording = named('ru-repeat-bakery')
    const { samples, rate } = await decodeChannel(recording, 1)
    const heard = await recogniser.recognise(encodeWav(samples, rate))
    const customer = recording.segments.filter(({ speaker }) => speaker === 'customer')
    expect(heard?.segments.map(({ text, speaker }) => ({ text, speaker }))).toEqual(
      customer.map(({ text, speaker }) => ({ text, speaker })),
    )
    for (const [index, segment] of customer.entries())
      expect(heard?.segments[index]?.start).toBeCloseTo(segment.start, 1)
  })

  it('hears a part of a call that another encoder wrote anew, at half the volume', async () => {
    const recording = named('en-cold-browsing')
    const { samples, rate } = await decodeChannel(recording, 0)
    const from = Math.round(((recording.segments[1]?.end ?? 0) + 0.1) * rate)
    const quieter = samples.slice(from).map((value) => value >> 1)
    const heard = await recogniser.recognise(encodeWav(quieter, rate))
    expect(heard?.text).toBe(
      recording.segments
        .slice(2)
        .map(({ text }) => text)
        .join(' '),
    )
  })

  it('hears words coded as tones, in sentences with times, in either language', async () => {
    const text = 'Нам нужна CRM на 50 пользователей. Бюджет 500 тысяч в месяц!'
    const heard = await recogniser.recognise(encodeWav(encodeTones(text), 8000))
    expect(heard?.text).toBe(text)
    expect(heard?.language).toBe('ru')
    expect(heard?.segments).toHaveLength(2)
    const english = await recogniser.recognise(encodeWav(encodeTones('No budget, thank you.'), 8000))
    expect(english?.language).toBe('en')
  })

  it('gives each channel of tones its speaker', async () => {
    const agent = encodeTones('How many users?')
    const customer = encodeTones('Fifty users.')
    const both = new Int16Array((agent.length + customer.length) * 2)
    agent.forEach((value, index) => {
      both[index * 2] = value
    })
    customer.forEach((value, index) => {
      both[(agent.length + index) * 2 + 1] = value
    })
    const heard = await recogniser.recognise(encodeWav(both, 8000, 2))
    expect(heard?.segments.map(({ speaker, text }) => `${speaker}: ${text}`)).toEqual([
      'agent: How many users?',
      'customer: Fifty users.',
    ])
  })

  it('hears nothing in silence, digital or at -70 dB', async () => {
    for (const samples of [new Int16Array(80_000), noise(80_000, 17)]) {
      expect(await recogniser.recognise(encodeWav(samples, 8000))).toEqual({
        text: '',
        language: 'en',
        durationSeconds: 10,
        segments: [],
      })
    }
  })

  it('knows no other sound and says so', async () => {
    expect(await recogniser.recognise(encodeWav(noise(80_000, 8000), 8000))).toBeNull()
    expect(
      await recogniser.recognise(
        encodeWav(
          Int16Array.from({ length: 80_000 }, (_, index) => 8000 * Math.sin(index / 3)),
          8000,
        ),
      ),
    ).toBeNull()
    expect(await recogniser.recognise(Buffer.from('<html>not a sound</html>'))).toBeNull()
    expect(await recogniser.recognise(Buffer.alloc(0))).toBeNull()
    const recording = named('ru-hot-logistics')
    const shuffled = scanMp3Frames(await recording.bytes()).map((frame) => frame.bytes)
    expect(await recogniser.recognise(Buffer.concat(shuffled.reverse()))).toBeNull()
  })
})
