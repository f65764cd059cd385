import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsPrograms } from '../support/needs.ts'
import { encodings, runFfmpeg, type ToneCall, writeToneCall } from '../support/tone-calls.ts'
import { transcribeTones } from '../support/transcribe-tones.ts'

const encoder = await needsPrograms('long calls in every format', ['ffmpeg'])
/** The true limits, in a tenth and less of the time; the true ones are kept by test/long. */
const short = { maxWholeSeconds: 50, maxPartSeconds: 40, searchSeconds: 8, overlapSeconds: 10 }
const seconds = 130

let folder: string
let paused: ToneCall
let breathless: ToneCall
let stereo: ToneCall
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-tones-'))
  paused = await writeToneCall({ path: join(folder, 'paused.wav'), seconds })
  breathless = await writeToneCall({ path: join(folder, 'breathless.wav'), seconds, pauses: false })
  stereo = await writeToneCall({ path: join(folder, 'stereo.wav'), seconds, channels: 2 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function encode(call: ToneCall, name: keyof typeof encodings): Promise<string> {
  const { end, args } = encodings[name]
  const target = `${call.path}.${name.replaceAll(' ', '-')}.${end}`
  await runFfmpeg(['-i', call.path, ...args, target])
  return target
}
const truth = (call: ToneCall, channel?: number) =>
  call.words.filter((word) => channel === undefined || word.channel === channel).map((word) => word.text)

describe.skipIf(encoder === null)('a long call in parts', () => {
  describe.each(Object.keys(encodings) as (keyof typeof encodings)[])('as %s', (name) => {
    it.each(['segments', 'text'] as const)('cut in pauses, is heard word for word (%s)', async (told) => {
      const path = await encode(paused, name)
      const { plan, words } = await transcribeTones(path, { folder, plan: short, told })
      expect(plan.parts.length).toBe(4)
      expect(plan.parts.slice(1).every((part) => part.seam === 'pause')).toBe(true)
      for (const part of plan.parts.slice(1)) {
        const at = part.spans[0]?.startSeconds ?? 0
        expect(paused.words.filter((word) => word.start < at - 0.03 && word.end > at + 0.03)).toEqual([])
      }
      expect(words).toEqual(truth(paused))
    })

    it.each(['segments', 'text'] as const)('without a pause to cut in, is heard word for word (%s)', async (told) => {
      const path = await encode(breathless, name)
      const { plan, words, transcript } = await transcribeTones(path, { folder, plan: short, told })
      expect(plan.parts.slice(1).every((part) => part.seam === 'hard')).toBe(true)
      expect(transcript.openSeams).toEqual([])
      expect(words).toEqual(truth(breathless))
    })
  })

  it.each([20, 10, 5])('is cut in pauses also where noise is only %i dB below the words', async (noiseDb) => {
    const noisy = await writeToneCall({ path: join(folder, `noisy-${noiseDb}.wav`), seconds, noiseDb })
    // The noise comes of the same seed's other numbers: a twin without it says the same words at the same times.
    const clean = await writeToneCall({ path: join(folder, `clean-${noiseDb}.wav`), seconds, noiseDb: 120 })
    expect(clean.words).toEqual(noisy.words)
    const { plan, words } = await transcribeTones(clean.path, { folder, plan: short, plannedBy: noisy.path })
    expect(plan.parts.length).toBe(4)
    for (const part of plan.parts.slice(1)) {
      const at = part.spans[0]?.startSeconds ?? 0
      expect(noisy.words.filter((word) => word.start < at - 0.03 && word.end > at + 0.03)).toEqual([])
    }
    expect(words).toEqual(truth(clean))
  })

  describe.each(['WAV', 'MP3 CBR', 'A-law WAV', 'Ogg Opus'] as const)('with two voices, as %s', (name) => {
    it('gives each its own track, leaves out its silence, and interleaves the turns by time', async () => {
      const path = await encode(stereo, name)
      const { plan, transcript } = await transcribeTones(path, { folder, plan: { ...short, agentChannel: 1 } })
      expect(new Set(plan.parts.map((part) => part.speaker))).toEqual(new Set(['agent', 'customer']))
      expect(plan.heardSeconds).toBeLessThan(2 * seconds * 0.95)
      const said = (speaker: string) =>
        transcript.segments.filter((one) => one.speaker === speaker).flatMap((one) => one.text.split(' '))
      expect(said('customer')).toEqual(truth(stereo, 0))
      expect(said('agent')).toEqual(truth(stereo, 1))
      const starts = transcript.segments.map((one) => one.start)
      expect(starts).toEqual(starts.toSorted((a, b) => a - b))
      // Times are those of the recording, whatever was left out on the way.
      for (const segment of transcript.segments) {
        const [first] = segment.text.split(' ')
        const word = stereo.words.find((one) => one.text === first)
        expect(Math.abs((word?.start ?? 0) - segment.start)).toBeLessThan(0.35)
      }
      expect(transcript.talk.agentShare).toBeGreaterThan(0.2)
      expect(transcript.talk.interruptions?.byAgent).toBeGreaterThan(0)
    })
  })

  it('with two voices mixed where it is told so, is one track', async () => {
    const { plan } = await transcribeTones(stereo.path, { folder, plan: { ...short, stereo: 'mix' } })
    expect(new Set(plan.parts.map((part) => part.channel))).toEqual(new Set([null]))
  })

  it('keeps each file below the limit on bytes', async () => {
    const limited = { ...short, maxPartBytes: 400_000 }
    const { plan, words } = await transcribeTones(paused.path, { folder, plan: limited })
    expect(plan.encoding).toBe('mp3')
    expect(words).toEqual(truth(paused))
  })
})
