import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsPrograms } from '../support/needs.ts'
import { encodings, runFfmpeg, type ToneCall, writeToneCall } from '../support/tone-calls.ts'
import { transcribeTones } from '../support/transcribe-tones.ts'

const encoder = await needsPrograms('calls of 65 minutes and 4 hours in every format', ['ffmpeg'])

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-long-tones-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const lengths = [
  ['65 minutes', 65 * 60, 3],
  // A codec adds some padding of its own, and the limit is four hours.
  ['4 hours', 4 * 3600 - 1, 10],
] as const

for (const [length, seconds, count] of lengths) {
  describe.skipIf(encoder === null)(`a call of ${length}, by the limits as they are`, () => {
    let paused: ToneCall
    let breathless: ToneCall
    let noisy: Record<number, ToneCall>
    beforeAll(async () => {
      const path = (name: string) => join(folder, `${seconds}-${name}.wav`)
      paused = await writeToneCall({ path: path('paused'), seconds })
      breathless = await writeToneCall({ path: path('breathless'), seconds, pauses: false })
      noisy = {}
      for (const noiseDb of seconds > 4000 ? [] : [20, 10, 5])
        noisy[noiseDb] = await writeToneCall({ path: path(`noise-${noiseDb}`), seconds, noiseDb })
    }, 600_000)

    it.each(Object.keys(encodings) as (keyof typeof encodings)[])(
      'as %s, cut in pauses and where there are none, is heard word for word',
      async (name) => {
        const { end, args } = encodings[name]
        for (const call of [paused, breathless]) {
          const path = join(folder, `long.${end}`)
          await runFfmpeg(['-i', call.path, ...args, path])
          const { plan, words, transcript } = await transcribeTones(path, {
            folder,
            told: call === paused ? 'segments' : 'text',
          })
          // A file of 24 MB may want more parts than a length of 25 minutes does.
          expect(plan.parts.length).toBeGreaterThanOrEqual(count)
          const seams = plan.parts.slice(1).map((part) => part.seam)
          expect(new Set(seams)).toEqual(new Set([call === paused ? 'pause' : 'hard']))
          expect(transcript.openSeams).toEqual([])
          expect(words).toEqual(call.words.map((word) => word.text))
        }
      },
      600_000,
    )

    it.skipIf(seconds > 4000)(
      'has no seam in a word where there are pauses, with noise 20, 10 and 5 dB below the words',
      async () => {
        for (const call of Object.values(noisy)) {
          const { plan } = await transcribeTones(call.path, { folder })
          for (const part of plan.parts.slice(1)) {
            expect(part.seam).toBe('pause')
            const at = part.spans[0]?.startSeconds ?? 0
            expect(call.words.filter((word) => word.start < at - 0.03 && word.end > at + 0.03)).toEqual([])
          }
        }
      },
      600_000,
    )
  })
}
