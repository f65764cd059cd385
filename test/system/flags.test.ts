import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CallShown, printCall } from '../../src/cli/follow-call.ts'
import { printTranscript } from '../../src/cli/print-transcript.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { callList } from '../../src/ops/call-list.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { type Program, startProgram } from '../support/program.ts'
import { writeToneCall } from '../support/tone-calls.ts'

let on: Program
let folder: string
let bytes: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-flags-'))
  bytes = await readFile((await writeToneCall({ path: join(folder, 'call.wav'), seconds: 20 })).path)
  on = await startProgram({ timings: { dispatchTickMs: 100 } })
})
afterAll(async () => {
  await on.close()
  await rm(folder, { recursive: true, force: true })
})

/** The whole life of a call with this recording, in which the provider hears this. */
async function listed(callId: string) {
  const answer = await runOperation(on.app, callList, { q: callId }, { actor: 'test', role: 'viewer' })
  return (answer as { calls: { flags: string[] }[] }).calls.map((call) => call.flags)
}

async function take(recording: Buffer, hearAs?: string) {
  const upload = { base64: recording.toString('base64'), fileName: 'call.wav' }
  const told = hearAs === undefined ? {} : { hearAs }
  const call = await on.sandbox.addCall({ portal: on.portal.id, entity: 'deal', sendEvent: false, upload, ...told })
  const incoming = { portalId: on.portal.id, source: 'event' as const, callRef: call.callId, masked: {} }
  const { callId } = await on.app.intake.accept(incoming)
  on.app.engine.kick()
  return await on.until(async () => {
    const shown = await showCall(on.app, { call: callId }, { actor: 'test', role: 'viewer' })
    return shown.run?.state === 'done' && shown
  })
}

/** What `callsift call show` prints of it, by way of JSON as over HTTP. */
function printed(shown: Awaited<ReturnType<typeof take>>): string {
  const lines: string[] = []
  const terminal: Terminal = {
    interactive: false,
    line: (text = '') => void lines.push(text),
    json: () => undefined,
    note: () => undefined,
    progress: () => undefined,
    paint: (_style, text) => text,
  }
  const read = CallShown.parse(JSON.parse(JSON.stringify(shown)))
  printCall(terminal, read)
  if (read.transcript.merged !== null) printTranscript(terminal, read.transcript.merged)
  return lines.join('\n')
}

test('A10: a recording that breaks off is transcribed and judged, flagged as truncated_audio', async () => {
  const shown = await take(bytes.subarray(0, Math.floor(bytes.length * 0.7)), 'Клиент: нужно тридцать мест до пятницы')
  expect(shown.flags.map((flag) => flag.class)).toEqual(['truncated_audio'])
  expect(await listed(shown.call.id)).toEqual([['truncated_audio']])
  expect(shown.entry).toMatchObject({ state: 'written' })
  expect(shown.transcript.merged).toMatchObject({ truncated: true, capped: false })
  const text = printed(shown)
  expect(text).toContain('truncated_audio: The recording breaks off before its end.')
  expect(text).toMatch(/The transcript[^\n]*:\n {2}\[00:00:\d\d\] .*нужно тридцать мест до пятницы/)
})

test('a whole one has no flags', async () => {
  const shown = await take(bytes)
  expect(shown.flags).toEqual([])
  expect(await listed(shown.call.id)).toEqual([[]])
  expect(shown.transcript.merged).toMatchObject({ truncated: false, capped: false })
  expect(printed(shown)).not.toContain('truncated_audio')
})

test.each(['', '   ', '\u0000\u0001', '\u202e\u2066'])(
  'U19 %j for a transcript is no_speech: nothing is judged or written',
  async (said) => {
    // Another recording each time: what was heard of one is kept.
    const own = Buffer.concat([bytes, Buffer.alloc(2 * (said.length + 1))])
    const shown = await take(own, said)
    expect(shown.run?.class).toBe('no_speech')
    expect(shown.verdict).toBeNull()
    expect(shown.entry).toBeNull()
  },
)

test('U19 a transcript of more than anybody can say is cut off, and flagged', async () => {
  const shown = await take(Buffer.concat([bytes, Buffer.alloc(64)]), `нужно тридцать мест ${'слово '.repeat(20_000)}`)
  expect(shown.flags.map((flag) => flag.class)).toEqual(['overlong_transcript'])
  expect(await listed(shown.call.id)).toEqual([['overlong_transcript']])
  expect(JSON.stringify(shown.transcript.merged).length).toBeLessThan(12_000)
  expect(shown.run?.state).toBe('done')
})
