import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultPlanOptions, planParts } from '../../src/audio/plan.ts'
import { probeAudio } from '../../src/audio/probe.ts'
import { needsPrograms } from '../support/needs.ts'
import { disturbances, promptCall, type SpokenCall, speakCall } from '../support/spoken-calls.ts'
import { runFfmpeg } from '../support/tone-calls.ts'

const programs = await needsPrograms('calls of synthetic voices', ['ffmpeg', 'espeak-ng'])
const short = { ...defaultPlanOptions, maxWholeSeconds: 50, maxPartSeconds: 40, searchSeconds: 13 }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-speech-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function cutsOf(path: string) {
  const probe = await probeAudio(path)
  const { parts } = planParts(probe, short)
  const later = parts.slice(1)
  return {
    speechRatio: probe.speechRatio,
    cuts: later.map((part) => part.spans[0]?.startSeconds ?? 0),
    seams: later.map((part) => part.seam),
    /** dB of the 20 ms at a moment, by the loudest of 0.2 s around it. */
    levelAt: (seconds: number) => Math.max(...(probe.levels[0] ?? []).slice(seconds / 0.02 - 5, seconds / 0.02 + 5)),
  }
}
const insideSpeech = (call: SpokenCall, cut: number) =>
  call.spoken.some((one) => one.start + 0.1 < cut && one.end - 0.1 > cut)

describe.skipIf(programs === null).each(['ru', 'en'] as const)('a dialogue of synthetic voices (%s)', (language) => {
  let call: SpokenCall
  beforeAll(async () => {
    call = await speakCall(folder, language, 130)
  })
  it.each(Object.keys(disturbances) as (keyof typeof disturbances)[])(
    'is speech, and cut between utterances, with %s on the line, as WAV and as MP3',
    async (name) => {
      for (const end of ['wav', 'mp3']) {
        const path = join(folder, `${language}-${name}.${end}`)
        const codec = end === 'mp3' ? ['-b:a', '16k'] : ['-c:a', 'pcm_alaw']
        await runFfmpeg(['-i', call.path, '-filter_complex', disturbances[name], ...codec, path])
        const { speechRatio, cuts, seams } = await cutsOf(path)
        expect(speechRatio).toBeGreaterThan(0.2)
        expect(cuts).toHaveLength(3)
        expect(seams).toEqual(['pause', 'pause', 'pause'])
        expect(cuts.filter((cut) => insideSpeech(call, cut))).toEqual([])
      }
    },
  )
})

describe.skipIf(programs === null)('what is on hold', () => {
  it.each(['music', 'dtmf'] as const)('%s alone is no speech', async (name) => {
    const path = join(folder, `hold-${name}.wav`)
    const silence = ['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono', '-t', '60']
    await runFfmpeg([...silence, '-filter_complex', disturbances[name], '-t', '60', '-c:a', 'pcm_s16le', path])
    expect((await probeAudio(path)).speechRatio).toBe(0)
  })
})

const prompts = await needsPrograms('calls of people’s voices (telephone prompts)', ['asterisk-prompts'])
describe.skipIf(prompts === null || programs === null)('people’s voices over the telephone', () => {
  it('are speech, and are cut where nothing is said, also through MP3 at 16 kbit/s', async () => {
    const call = await promptCall(folder, 130)
    if (call === null) throw new Error('the prompts were there a moment ago')
    const mp3 = join(folder, 'prompts.mp3')
    await runFfmpeg(['-i', call.path, '-b:a', '16k', mp3])
    for (const path of [call.path, mp3]) {
      const { speechRatio, cuts, seams, levelAt } = await cutsOf(path)
      expect(speechRatio).toBeGreaterThan(0.3)
      // One prompt reads on for longer than is searched here.
      expect(seams.filter((seam) => seam === 'pause').length).toBeGreaterThanOrEqual(2)
      // People draw breath within a prompt too: what counts is that nothing is said where the cut is.
      for (const [index, cut] of cuts.entries()) if (seams[index] === 'pause') expect(levelAt(cut)).toBeLessThan(-45)
    }
  })
})
