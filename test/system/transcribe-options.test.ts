import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reserveUpload } from '../../src/db/reserve-upload.ts'
import { storeUpload } from '../../src/db/uploads.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { SubmitInput, submitCall } from '../../src/ops/call-submit.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { portalSettings } from '../../src/ops/portals.ts'
import { type Program, startProgram } from '../support/program.ts'
import { type ToneCall, writeToneCall } from '../support/tone-calls.ts'

let on: Program
let folder: string
let call: ToneCall
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-transcribe-'))
  const rubric = await readFile(new URL('../../rubrics/call.yaml', import.meta.url), 'utf8')
  await writeFile(join(folder, 'call.yaml'), `${rubric}\nglossary: анкер, вальцовка\n`)
  on = await startProgram({
    timings: { dispatchTickMs: 100 },
    env: { CALLSIFT_LANGUAGE: 'ru', CALLSIFT_RUBRICS: folder },
  })
  call = await writeToneCall({ path: join(folder, 'call.wav'), seconds: 40, channels: 2 })
})
afterAll(async () => {
  await on.close()
  await rm(folder, { recursive: true, force: true })
})

async function transcribe(options: { language?: string; stereo?: 'split' | 'mix' }) {
  const facts = { portalId: on.portal.id, contentType: null, bytes: 10_000_000 }
  const id = await reserveUpload(on.app.db, facts, 1e9)
  const upload = await storeUpload(on.app.db, id, createReadStream(call.path))
  const input = SubmitInput.parse({ portalId: on.portal.id, uploadId: upload.id, transcriptOnly: true, ...options })
  const { callId, outcome } = await submitCall(on.app, input)
  const shown = await on.until(async () => {
    const seen = await showCall(on.app, { call: callId }, { actor: 'test', role: 'viewer' })
    return seen.run?.state === 'done' && seen
  })
  expect(shown.run?.class).toBe('transcript_only')
  const { segments } = shown.transcript.merged as { segments: { speaker: string | null }[] }
  return { callId, outcome, speakers: [...new Set(segments.map((one) => one.speaker))].sort() }
}
const sent = (field: 'language' | 'prompt') =>
  on.sandbox
    .effects()
    .filter((effect) => effect.kind === 'transcription')
    .map((effect) => effect.detail[field])
const languages = () => sent('language')

describe('a recording that is only to be transcribed', () => {
  test('is heard as was asked for it, else as its portal says, and each way is paid for once', async () => {
    const plain = await transcribe({})
    expect(plain.speakers).toEqual(['agent', 'customer'])
    expect(languages()).toEqual(['ru', 'ru'])
    const mixed = await transcribe({ language: 'en', stereo: 'mix' })
    expect(mixed.speakers).toEqual([null])
    expect(languages()).toEqual(['ru', 'ru', 'en'])
    const auto = await transcribe({ language: 'auto', stereo: 'mix' })
    expect(languages()).toEqual(['ru', 'ru', 'en', null])
    expect(new Set([plain.callId, mixed.callId, auto.callId]).size).toBe(3)
    expect(await transcribe({ language: 'en', stereo: 'mix' })).toEqual({ ...mixed, outcome: 'duplicate' })
    expect(await transcribe({})).toEqual({ ...plain, outcome: 'duplicate' })
    expect(languages()).toHaveLength(4)
  })

  test('goes with the glossary of the rubric for calls, or with its portal’s own', async () => {
    await transcribe({ language: 'de' })
    expect(sent('prompt').at(-1)).toBe('анкер, вальцовка')
    const change = { id: on.portal.id, settings: { glossary: 'мембрана' } }
    await runOperation(on.app, portalSettings, change, { actor: 'test', role: 'admin' })
    await transcribe({ language: 'fr' })
    expect(sent('prompt').at(-1)).toBe('мембрана')
  })

  test.each([
    { language: 'english' },
    { language: '' },
    { language: 'ru-RU' },
    { stereo: 'left' },
    { language: 'en', transcriptOnly: false },
  ])('%o is refused', (wrong) => {
    expect(SubmitInput.safeParse({ uploadId: '1', transcriptOnly: true, ...wrong }).success).toBe(false)
  })
})
