import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { encodings, runFfmpeg, writeToneCall } from '../test/support/tone-calls.ts'
import { install, startSandboxProcess } from './installation.ts'
import { until } from './processes.ts'
import { note, type Row } from './report.ts'

/** A call through the whole program, by an upstream that takes `hearingMsPerMinute` over a minute of sound, four requests at once. */
export async function measureLongCall(minutes: number, hearingMsPerMinute: number): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-bench-long-'))
  const sandbox = await startSandboxProcess(1, 0, hearingMsPerMinute)
  const installation = await install({
    stores: null,
    workers: 0,
    sandbox,
    environment: { CALLSIFT_AI_CONCURRENCY: '4' },
  })
  try {
    const call = await writeToneCall({ path: join(folder, 'call.wav'), seconds: minutes * 60 })
    const path = join(folder, 'call.mp3')
    await runFfmpeg(['-i', call.path, ...encodings['MP3 CBR'].args, path])
    const upload = { base64: (await readFile(path)).toString('base64'), fileName: 'call.mp3' }
    const portal = sandbox.portals[0]?.name
    const made = await sandbox.control<{ eventForm: string }>('POST', '/calls', {
      portal,
      entity: 'deal',
      sendEvent: false,
      upload,
    })
    const startedAt = performance.now()
    const answer = await fetch(`${installation.origin}/webhooks/bitrix24`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: made.eventForm,
    })
    if (answer.status !== 200) throw new Error(`the event was answered with ${answer.status}`)
    await until(
      async () => (await sandbox.control<unknown[]>('GET', '/effects?after=0&kind=timeline-log')).length > 0,
      'the entry',
      minutes * hearingMsPerMinute + 120_000,
    )
    const seconds = (performance.now() - startedAt) / 1000
    const { db } = await installation.record()
    const { rows } = await sql<{ name: string; from: number; to: number; longest: number }>`
      select s.name, min(extract(epoch from a.started_at))::float8 as from, max(extract(epoch from a.finished_at))::float8 as to,
        max(extract(epoch from a.finished_at - a.started_at))::float8 as longest
      from callsift.attempts a join callsift.steps s on s.id = a.step_id group by s.name`.execute(db)
    const of = (name: string) => rows.find((row) => row.name === name) ?? { from: 0, to: 0, longest: 0 }
    const [plan, parts] = [of('planAudio'), of('transcribePart')]
    const allowed = 1.1 * parts.longest + (plan.to - plan.from)
    note(
      `${minutes} minutes: plan ${(plan.to - plan.from).toFixed(1)} s, parts ${(parts.to - parts.from).toFixed(1)} s (the longest ${parts.longest.toFixed(1)}), entry after ${seconds.toFixed(1)} s`,
    )
    return [
      {
        figure: `audio, ${minutes} min through the program, parts heard at once: event to entry`,
        value: seconds,
        unit: 's',
        ceiling: parts.longest,
        promise: `≤ ${allowed.toFixed(1)} (1.1 × longest part + plan)`,
        met: seconds <= allowed,
      },
    ]
  } finally {
    await installation.stop()
    await sandbox.process.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
