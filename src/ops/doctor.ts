import { request } from 'undici'
import { z } from 'zod'
import type { App } from '../context.ts'
import { type Bot, listBots } from '../db/bots.ts'
import { readClockMs } from '../db/clock.ts'
import { programLevel, readLevel } from '../db/migrate.ts'
import { listPortals, type Portal } from '../db/portals.ts'
import { checkRedisPolicy } from '../engine/queues.ts'
import { defineOperation, runOperation } from './operation.ts'
import { portalCheck } from './portal-check.ts'
import { readStatus, type Status } from './status.ts'

/** One thing that was looked at. `warn`: it works, but not as well as it could. */
export interface DoctorFinding {
  readonly topic: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly what: string
  readonly mend: string | null
}

const ok = (topic: string, what: string): DoctorFinding => ({ topic, state: 'ok', what, mend: null })
const warn = (topic: string, what: string, mend: string): DoctorFinding => ({ topic, state: 'warn', what, mend })
const fail = (topic: string, what: string, mend: string): DoctorFinding => ({ topic, state: 'fail', what, mend })

const Checked = z.object({
  findings: z.array(z.object({ scope: z.string(), ok: z.boolean(), finding: z.string(), mend: z.string().nullable() })),
})

/** Leases last 10 s by the database's clock, and signed links minutes by the upstream's. */
const maxSkewMs = { database: 5_000, upstream: 60_000 }
const oldWaitMs = 60 * 60_000

export const doctor = defineOperation({
  name: 'doctor',
  role: 'operator',
  summary: 'Looks at everything that must be right, and says for each thing that is not what mends it.',
  input: z.strictObject({}),
  run: async (app) => {
    const [status, portals, { level }] = await Promise.all([readStatus(app), listPortals(app.db), readLevel(app.db)])
    const findings = [
      ok(
        'record',
        `${app.connection.kind === 'postgres' ? 'Postgres' : 'Embedded'}, schema level ${level} of ${programLevel}.`,
      ),
      ...(await lookAtClock(app)),
      ...(await lookAtQueue(app, status)),
      ...lookAtWork(app, status),
      ...lookAtGates(status),
      ...lookAtWrites(app, portals),
      ...lookAtAddress(app),
    ]
    for (const bot of await listBots(app.db)) findings.push(lookAtBot(bot))
    for (const portal of portals) findings.push(...(await lookAtPortal(app, portal)))
    return { ok: findings.every((finding) => finding.state !== 'fail'), findings }
  },
})

async function lookAtClock(app: App): Promise<DoctorFinding[]> {
  const before = Date.now()
  const databaseMs = await readClockMs(app.db)
  const skewMs = Math.round(databaseMs - (before + Date.now()) / 2)
  if (Math.abs(skewMs) <= maxSkewMs.database)
    return [ok('clock', `The database's clock is ${Math.abs(skewMs)} ms from this machine's.`)]
  return [
    warn('clock', `The database's clock is ${Math.round(skewMs / 1000)} s from this machine's.`, 'Set both by NTP.'),
  ]
}

async function lookAtQueue(app: App, status: Status): Promise<DoctorFinding[]> {
  if (!status.queue.answers) {
    return [
      fail(
        'queue',
        `The queue (${status.queue.kind}) does not answer. Calls are taken in, and go on when it is back.`,
        'Check REDIS_URL and that Redis runs.',
      ),
    ]
  }
  const { redisUrl } = app.config.secrets
  if (redisUrl === undefined) return [ok('queue', `The queue (${status.queue.kind}) answers.`)]
  const findings = await checkRedisPolicy(redisUrl)
  if (findings.length === 0) return [ok('queue', 'Redis answers, keeps an append-only file and evicts nothing.')]
  return findings.map((one) => fail('queue', `Redis has ${one.rule} ${one.value}; ${one.wanted} is needed.`, one.mend))
}

function lookAtWork(app: App, status: Status): DoctorFinding[] {
  const alive = status.workers.filter((worker) => worker.alive)
  const findings: DoctorFinding[] = []
  if (alive.length > 0) findings.push(ok('workers', `${alive.length} alive.`))
  else if (app.engine.workerId() === null) {
    findings.push(
      fail(
        'workers',
        'No worker is alive: calls are taken in, but nothing works on them.',
        'Start `callsift serve`, or beside `serve --http-only` at least one `callsift work`.',
      ),
    )
  }
  const { oldest } = status
  if (oldest === null) findings.push(ok('backlog', 'No call is under way.'))
  else if (oldest.ageMs < oldWaitMs)
    findings.push(
      ok('backlog', `The oldest call under way (${oldest.callId}) came ${Math.round(oldest.ageMs / 1000)} s ago.`),
    )
  else
    findings.push(
      warn(
        'backlog',
        `Call ${oldest.callId} has been under way for ${Math.round(oldest.ageMs / 3_600_000)} h.`,
        `See why: callsift call show ${oldest.callId}`,
      ),
    )
  if (status.runs.parked > 0)
    findings.push(
      warn('backlog', `${status.runs.parked} calls are parked.`, 'See them: callsift call list --status parked'),
    )
  return findings
}

function lookAtGates(status: Status): DoctorFinding[] {
  if (status.gates.length === 0) return [ok('gates', 'All are open.')]
  return status.gates.map((gate) =>
    gate.opensInMs === null
      ? fail(
          'gates',
          `${gate.name} of key ${gate.keyId.slice(0, 8)} is closed, ${gate.waiting} steps wait: ${gate.message}`,
          gate.hint ?? 'Mend it, then run `callsift gate open`.',
        )
      : warn(
          'gates',
          `${gate.name} of key ${gate.keyId.slice(0, 8)} opens by itself in ${Math.ceil(gate.opensInMs / 1000)} s: ${gate.message}`,
          'Nothing to do.',
        ),
  )
}

/** One failed poll is nothing; several in a row are a bot that hears nobody. */
function lookAtBot({ portalId, botId, name, enabled, failures, lastFailure }: Bot): DoctorFinding {
  const what = `Bot ${name} (${botId}) of portal ${portalId}`
  if (!enabled) return ok('bots', `${what} rests.`)
  if (failures < 3) return ok('bots', `${what} is asked for messages.`)
  return fail(
    'bots',
    `${what} could not be asked ${failures} times in a row: ${lastFailure}`,
    `Mend that, or register it again: callsift bot add --portal ${portalId}`,
  )
}

function lookAtWrites(app: App, portals: readonly Portal[]): DoctorFinding[] {
  if (portals.length === 0) return [fail('portals', 'No portal has been added.', 'Add one with `callsift portal add`.')]
  if (!app.config.write)
    return [
      warn(
        'writes',
        'CALLSIFT_WRITE=off: nothing is written to any portal.',
        'Set CALLSIFT_WRITE=on when the verdicts please.',
      ),
    ]
  const observed = portals.filter((portal) => !portal.writeEnabled)
  if (observed.length === 0) return [ok('writes', 'On for every portal.')]
  return observed.map((portal) =>
    warn(
      'writes',
      `Portal ${portal.id} is in observe mode: nothing is written.`,
      `When the verdicts please: callsift portal write ${portal.id} on`,
    ),
  )
}

function lookAtAddress(app: App): DoctorFinding[] {
  const { publicUrl, mode } = app.config
  if (mode !== 'live')
    return [warn('mode', 'SANDBOX: nothing here is real.', 'Set CALLSIFT_MODE=live for real portals.')]
  if (publicUrl === undefined)
    return [
      warn(
        'address',
        'CALLSIFT_PUBLIC_URL is not set: events may not reach this service, and calls are found by polling.',
        'Set it to the address under which Bitrix24 reaches this service.',
      ),
    ]
  if (!publicUrl.startsWith('https:'))
    return [warn('address', `${publicUrl} is not https.`, 'Put a proxy with TLS before it: events carry a token.')]
  return [ok('address', `Events are expected at ${publicUrl}/webhooks/bitrix24.`)]
}

async function lookAtPortal(app: App, portal: Portal): Promise<DoctorFinding[]> {
  const topic = `portal ${portal.id}`
  const { findings } = Checked.parse(
    await runOperation(app, portalCheck, { id: portal.id }, { actor: 'doctor', role: 'operator' }),
  )
  const told = findings.map((one): DoctorFinding => {
    const what = `${one.scope}: ${one.finding}`
    return one.ok
      ? ok(topic, what)
      : fail(topic, what, one.mend ?? 'Run the check again; if it persists, ask VibeCode with the request id.')
  })
  told.push(await lookAtUpstreamClock(topic, portal))
  if (portal.tokenHashes.length === 0)
    told.push(
      warn(
        topic,
        'It has no application token: its calls are found by polling only.',
        'Add the token of its outgoing webhook with `callsift portal add`.',
      ),
    )
  else if (portal.lastEventAt === null)
    told.push(
      warn(
        topic,
        'No event has come yet.',
        'Check the outgoing webhook in Bitrix24, then `callsift doctor --send-test-event`.',
      ),
    )
  else told.push(ok(topic, `The last event came at ${portal.lastEventAt.toISOString()}.`))
  return told
}

/** Any answer's Date header will do, so no key is sent. */
async function lookAtUpstreamClock(topic: string, portal: Portal): Promise<DoctorFinding> {
  const { origin } = new URL(portal.baseUrl)
  try {
    const answer = await request(origin, { method: 'HEAD', headersTimeout: 5_000 })
    await answer.body.dump()
    const date = Date.parse(String(answer.headers['date']))
    if (Number.isNaN(date)) return ok(topic, `${origin} tells no time.`)
    const skewMs = Math.abs(date - Date.now())
    if (skewMs <= maxSkewMs.upstream) return ok(topic, `Its clock is within ${Math.ceil(skewMs / 1000)} s of ours.`)
    return warn(topic, `The upstream's clock is ${Math.round(skewMs / 1000)} s from ours.`, 'Set this machine by NTP.')
  } catch (error) {
    return fail(
      topic,
      `${origin} cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
      'Check the network and VIBECODE_BASE_URL.',
    )
  }
}
