import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { saveStream } from '../../src/audio/save-stream.ts'
import { isDiskFull } from '../../src/is-disk-full.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { needsPrograms } from '../support/needs.ts'
import { type Program, startProgram } from '../support/program.ts'
import { writeToneCall } from '../support/tone-calls.ts'

const run = promisify(execFile)
/** Only root may mount a small disk. */
const mounting = process.getuid?.() === 0 ? await needsPrograms('a full disk', ['mount', 'umount']) : null

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-full-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a download onto a full disk says so, and is no broken connection', async () => {
  const target = join(folder, 'full')
  await symlink('/dev/full', target)
  const bytes = (async function* () {
    yield Buffer.alloc(1_000)
  })()
  const limits = { maxBytes: 1e6, totalMs: 5_000, minBytesPerSecond: 0 }
  const error = await saveStream(bytes, target, limits).catch((failed: unknown) => failed)
  expect(isDiskFull(error)).toBe(true)
  expect(await readdir(folder)).toEqual([])
})

describe.skipIf(mounting === null)('a call whose recording finds no room', () => {
  let on: Program
  let temp: string
  const mount = (...args: string[]) => run(mounting?.mount ?? '', args)
  beforeAll(async () => {
    on = await startProgram({ timings: { diskFullMs: 500, dispatchTickMs: 100 } })
    temp = join(on.app.config.dataDir, 'temp')
    await mkdir(temp, { recursive: true })
  })
  afterAll(async () => {
    await run(mounting?.umount ?? '', [temp]).catch(() => undefined)
    await on.close()
  })

  async function take(bytes: Buffer) {
    const upload = { base64: bytes.toString('base64'), fileName: 'call.wav' }
    const made = { portal: on.portal.id, entity: 'deal' as const, sendEvent: false, upload }
    const { callId: callRef } = await on.sandbox.addCall(made)
    const { callId } = await on.app.intake.accept({ portalId: on.portal.id, source: 'event', callRef, masked: {} })
    on.app.engine.kick()
    return callId
  }
  async function record(channels: 1 | 2): Promise<Buffer> {
    const { path } = await writeToneCall({ path: join(folder, `${channels}.wav`), seconds: 30, channels })
    return await readFile(path)
  }
  const show = (call: string) => showCall(on.app, { call }, { actor: 'test', role: 'viewer' })

  test('F17: waits as disk_full with the mend, leaves nothing behind, sends nothing, and goes on by itself', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=64k', 'callsift-test', temp)
    const callId = await take(await record(1))
    const waiting = await on.until(async () => {
      const shown = await show(callId)
      return shown.steps.some((step) => step.attempts.length >= 2 && step.state === 'ready') && shown
    })
    expect(waiting.cause).toEqual({
      class: 'disk_full',
      title: 'The disk for temporary recordings is full',
      mend: 'Make room on the disk that holds CALLSIFT_DATA. Everything that waited goes on by itself.',
    })
    expect(waiting.steps.at(-1)).toMatchObject({ name: 'planAudio', class: 'disk_full' })
    expect(waiting.steps.at(-1)?.attempts.every((attempt) => attempt.outcome === 'later')).toBe(true)
    expect(waiting.answer.sentence).toContain('is full')
    expect(await on.until(async () => (await readdir(temp)).length === 0)).toBe(true)
    expect(on.sandbox.effects().filter((effect) => effect.kind === 'transcription')).toEqual([])
    await mount('-o', 'remount,size=50m', temp)
    const done = await on.until(async () => {
      const shown = await show(callId)
      return shown.run?.state === 'done' && shown
    })
    expect(done.entry).toMatchObject({ state: 'written' })
  })

  test('F17: the same where the recording fits and its part does not', async () => {
    const bytes = await record(2)
    // Room for the recording, and none for a voice that is cut out of it beside it.
    await mount('-o', `remount,size=${Math.ceil(bytes.length / 4096 + 8) * 4}k`, temp)
    const callId = await take(bytes)
    await on.until(async () =>
      (await show(callId)).steps.some((step) => step.name === 'transcribePart' && step.class === 'disk_full'),
    )
    await mount('-o', 'remount,size=50m', temp)
    await on.until(async () => (await show(callId)).run?.state === 'done')
  })
})
