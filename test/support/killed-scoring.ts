import { sql } from 'kysely'
import { request } from 'undici'
import { expect } from 'vitest'
import { leadFields } from '../../src/wire/lead-fields.ts'
import { startKilledBatches } from './killed-batches.ts'
import { addLeads, expectedScore } from './sandbox-leads.ts'
import type { Service } from './service.ts'

interface Report {
  readonly found: number
  readonly queued: number
  readonly unchanged: number
  readonly judged: number
  readonly written: number
  readonly failures: Record<string, number>
}

export interface ScoringOutcome {
  readonly seconds: number
  readonly kills: number
  readonly chats: number
  readonly patches: number
  readonly early: number
  /** Resident size of `serve`, which is never killed, at each kill, MB. */
  readonly serveMb: readonly number[]
}

/**
 * Scores leads on two workers while 5 % of the requests get a 429, 3 % a 502 (of PATCHes: after they were carried out), and a worker is
 * killed every `killEveryMs`. Proves what a scoring promises, and that a second one pays nothing.
 */
export async function scoreUnderKills(options: {
  databaseUrl: string
  redisUrl: string | undefined
  compiled?: boolean
  leads: number
  killEveryMs: number
  withinMs: number
}): Promise<ScoringOutcome> {
  const { leads } = options
  const batches = await startKilledBatches<Report>({
    ...options,
    workflow: 'scoreLeads',
    payingStep: 'judgeLead',
    reportStep: 'reportScores',
  })
  const { service, chats: answered, updates } = batches
  try {
    const ids = await prepare(service, leads)
    batches.spoil('leads', { refuse: 20, fail: 33 })
    const startedAt = performance.now()
    const { report, kills, serveMb } = await batches.runUnderKills('first', {})
    const seconds = (performance.now() - startedAt) / 1_000
    expect(report).toMatchObject({ found: leads, queued: leads, written: leads, failures: {} })

    const { sandbox } = service
    for (const id of ids)
      expect(sandbox.world.portal('portal-0').entities.leads.get(id)).toMatchObject(
        expectedScore(sandbox, 'portal-0', id),
      )
    const patches = updates().length
    expect(patches).toBe(leads)
    const verdicts = await sql<{
      leads: number
      verdicts: number
    }>`select count(distinct output->>'leadId')::int as leads,
      count(*)::int as verdicts from callsift.steps where name = 'judgeLead' and state = 'done'`.execute(service.db)
    expect(verdicts.rows[0]).toEqual({ leads, verdicts: leads })
    const chats = answered()
    // What a worker had asked when it was killed is asked again, once each: no more than it may have under way.
    expect(chats).toBeLessThanOrEqual(leads + kills * 8)
    expect(mostAtOnce(sandbox.requests())).toBeLessThanOrEqual(2)

    sandbox.clearFaults()
    const again = await batches.run('second', {})
    expect(again).toMatchObject({ found: leads, queued: 0, unchanged: leads, judged: 0 })
    expect(answered()).toBe(chats)
    expect(updates().length).toBe(leads)
    return { seconds, kills, chats, patches, early: batches.early(), serveMb }
  } finally {
    await batches.close()
  }
}

async function prepare(service: Service, leads: number): Promise<number[]> {
  const { sandbox } = service
  const { key } = sandbox.world.portal('portal-0')
  for (const { short, type, label } of leadFields) {
    const answer = await request(`${sandbox.url}/userfields/leads`, {
      method: 'POST',
      headers: { 'x-api-key': key.value, 'content-type': 'application/json' },
      body: JSON.stringify({ userTypeId: type, fieldName: short, label }),
    })
    await answer.body.dump()
    expect(answer.statusCode).toBe(201)
  }
  return addLeads(sandbox, 'portal-0', leads)
}

/** Of the portal's own routes: how many were on their way at the same moment. */
function mostAtOnce(requests: readonly { family: string; at: number; ms: number; status: number }[]): number {
  const moments = requests
    .filter((one) => one.family === 'portal')
    // An end before a beginning in the same millisecond: they follow each other.
    .flatMap(({ at, ms }) => [
      { at, step: 1 },
      { at: at + Math.max(0, Math.floor(ms) - 1), step: -1 },
    ])
    .sort((one, other) => one.at - other.at || one.step - other.step)
  let [now, most] = [0, 0]
  for (const { step } of moments) {
    now += step
    most = Math.max(most, now)
  }
  return most
}
