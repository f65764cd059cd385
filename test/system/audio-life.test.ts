import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setPortalSettings } from '../../src/db/portals.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { setSwitches } from '../../src/sandbox/switches.ts'
import { needsPrograms } from '../support/needs.ts'
import { type Program, startProgram } from '../support/program.ts'
import { runFfmpeg, type ToneCall, writeToneCall } from '../support/tone-calls.ts'

const timings = { retryDelaysMs: [100, 200, 300, 400, 500], dispatchTickMs: 200, sweepMs: 300 }
/** Parts of about a minute instead of 25. */
const env = { CALLSIFT_MAX_PART_BYTES: '290000' }

const encoder = await needsPrograms('a recording that only ffmpeg reads', ['ffmpeg'])

let on: Program
let bare: Program
let folder: string
/** A line for each time that ffmpeg was started. */
let runs: string
let mono: ToneCall
let stereo: ToneCall
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-audio-life-'))
  runs = join(folder, 'runs')
  const counted = join(folder, 'ffmpeg')
  if (encoder !== null)
    await writeFile(counted, `#!/bin/sh\necho run >> ${runs}\nexec ${encoder.ffmpeg} "$@"\n`, { mode: 0o700 })
  on = await startProgram({ timings, env: { ...env, ...(encoder === null ? {} : { CALLSIFT_FFMPEG: counted }) } })
  bare = await startProgram({ timings, env: { CALLSIFT_FFMPEG: join(folder, 'not-there') } })
  mono = await writeToneCall({ path: join(folder, 'mono.wav'), seconds: 170 })
  stereo = await writeToneCall({ path: join(folder, 'stereo.wav'), seconds: 60, channels: 2 })
})
afterAll(async () => {
  await on.close()
  await bare.close()
  await rm(folder, { recursive: true, force: true })
})

interface Merged {
  segments: { speaker: string | null; text: string; start: number }[]
  timesEstimated: boolean
}

let portals = 0
async function newPortal(program: Program): Promise<string> {
  portals += 1
  return (await program.addPortal(`audio-${portals}`)).id
}

async function take(program: Program, portal: string, path: string, line?: string) {
  const base64 = (await readFile(path)).toString('base64')
  const call = await program.sandbox.addCall({
    portal,
    entity: 'deal',
    sendEvent: false,
    upload: { base64, fileName: 'call.bin' },
  })
  const incoming = { portalId: portal, source: 'event' as const, callRef: call.callId, masked: {} }
  const { callId } = await program.app.intake.accept({ ...incoming, ...(line === undefined ? {} : { line }) })
  program.app.engine.kick()
  return callId
}

async function settled(program: Program, callId: string, state = 'done') {
  return await program.until(async () => {
    const shown = await showCall(program.app, { call: callId }, { actor: 'test', role: 'admin' })
    return shown.run?.state === state && shown
  }, 25_000)
}
const wordsOf = (shown: Awaited<ReturnType<typeof showCall>>) =>
  (shown.transcript.merged as Merged).segments.flatMap((one) => one.text.split(' '))
const truth = (call: ToneCall) => call.words.map((word) => word.text)
const heardBy = (program: Program, portal: string) =>
  program.sandbox.effects().filter((effect) => effect.portal === portal && effect.kind === 'transcription')

describe('a call in several parts', () => {
  test('is heard word for word; a part that fails is repeated alone, the others are paid for once', async () => {
    const portal = await newPortal(on)
    // The second part fails its first attempt for good: what is repeated at once within it, and the attempt itself.
    on.sandbox.addFault({ route: 'transcription', portal, kind: 'status', status: 502, skip: 1, times: 3 })
    const shown = await settled(on, await take(on, portal, mono.path))
    expect(shown.steps.filter((step) => step.name === 'transcribePart').length).toBeGreaterThan(2)
    expect(wordsOf(shown)).toEqual(truth(mono))
    const heard = heardBy(on, portal)
    expect(new Set(heard.map((effect) => effect.detail['sha256'])).size).toBe(heard.length)
    expect(heard.length).toBe(shown.transcript.parts)
    expect(shown.entry).toMatchObject({ state: 'written' })
  })

  test('speaks the language of its line', async () => {
    const portal = await newPortal(on)
    await setPortalSettings(on.app.db, portal, { language: 'ru', lineLanguages: { 'line-7': 'en', other: 'auto' } })
    await settled(on, await take(on, portal, stereo.path, 'line-7'))
    await settled(on, await take(on, portal, stereo.path, 'other'))
    await settled(on, await take(on, portal, stereo.path, 'unknown'))
    const told = heardBy(on, portal).map((effect) => effect.detail['language'])
    expect(told).toEqual(['en', 'en', null, null, 'ru', 'ru'])
  })

  test('has times by estimate where the upstream gives none, which it is asked for once', async () => {
    const portal = await newPortal(on)
    const world = on.sandbox.world.portals.get(portal)
    if (world === undefined) throw new Error('the sandbox forgot its portal')
    expect(setSwitches(world.switches, { verboseJson: 'refused' })).toBeUndefined()
    const shown = await settled(on, await take(on, portal, mono.path))
    expect(wordsOf(shown)).toEqual(truth(mono))
    expect((shown.transcript.merged as Merged).timesEstimated).toBe(true)
  })
})

describe('a call that the upstream cannot finish', () => {
  test.each([504, 413])('in its time or size (%i) is split in two, and no half is heard twice', async (status) => {
    const portal = await newPortal(bare)
    bare.sandbox.addFault({ route: 'transcription', portal, kind: 'status', status, times: 1 })
    const shown = await settled(bare, await take(bare, portal, mono.path))
    const parts = shown.steps.filter((step) => step.name === 'transcribePart')
    expect(parts).toHaveLength(1)
    expect(parts[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['page', 'page', 'value'])
    const heard = heardBy(bare, portal)
    expect(heard).toHaveLength(2)
    for (const effect of heard) expect(Number(effect.detail['audioSeconds'])).toBeLessThan(110)
    expect(wordsOf(shown)).toEqual(truth(mono))
  })
  test('yet, because the queue before it is full (504 QUEUE_TIMEOUT), is put off whole', async () => {
    const portal = await newPortal(bare)
    const full = { status: 504, envelope: 'v1' as const, code: 'QUEUE_TIMEOUT', retryAfter: 1 }
    bare.sandbox.addFault({ route: 'transcription', portal, kind: 'status', ...full, times: 1 })
    const callId = await take(bare, portal, mono.path)
    const step = await bare.until(async () => {
      const part = (await showCall(bare.app, { call: callId }, { actor: 'test', role: 'admin' })).steps.find(
        (one) => one.name === 'transcribePart',
      )
      return part?.class === 'queue_timeout' && part
    })
    // Put off whole, not split: nothing of it was begun.
    expect(step.attempts.map((attempt) => attempt.outcome)).toEqual(['later'])
    expect(step.state).toBe('ready')
    expect(heardBy(bare, portal)).toEqual([])
  })
})

describe('two voices', () => {
  test('are told apart, by the direction of the call', async () => {
    const portal = await newPortal(on)
    const shown = await settled(on, await take(on, portal, stereo.path))
    const { segments } = shown.transcript.merged as Merged
    const said = (speaker: string) =>
      segments.filter((one) => one.speaker === speaker).flatMap((one) => one.text.split(' '))
    // An outgoing call, as far as is known: who calls is on the left.
    expect(said('agent')).toEqual(stereo.words.filter((word) => word.channel === 0).map((word) => word.text))
    expect(said('customer')).toEqual(stereo.words.filter((word) => word.channel === 1).map((word) => word.text))
  })
})

describe.skipIf(encoder === null)('a recording that only ffmpeg reads', () => {
  test('is parked with the mend where there is none, and goes through where there is one', async () => {
    const path = join(folder, 'adpcm.wav')
    await runFfmpeg(['-i', mono.path, '-c:a', 'adpcm_ima_wav', path])
    const [without, within] = [await newPortal(bare), await newPortal(on)]
    const parked = await settled(bare, await take(bare, without, path), 'parked')
    expect(parked.cause?.class).toBe('needs_ffmpeg')
    expect(parked.answer.mend).toContain('Install ffmpeg')
    expect(heardBy(bare, without)).toEqual([])
    const shown = await settled(on, await take(on, within, path))
    expect(shown.plan).toMatchObject({ recoded: true })
    expect(wordsOf(shown)).toEqual(truth(mono))
  })

  test('is made readable once a run, not once a part', async () => {
    const path = join(folder, 'once.wav')
    await runFfmpeg(['-i', mono.path, '-c:a', 'adpcm_ms', path])
    const before = (await readFile(runs, 'utf8')).length
    const shown = await settled(on, await take(on, await newPortal(on), path))
    expect(shown.transcript.parts).toBeGreaterThan(2)
    expect(wordsOf(shown)).toEqual(truth(mono))
    expect((await readFile(runs, 'utf8')).slice(before)).toBe('run\n')
  })
})
