import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import type { Bed } from './bed.ts'
import type { Load, Rung } from './load.ts'
import { scaledTimings } from './scale.ts'
import { countEntries, readEffects, readRequests } from './truth.ts'
import { until } from './until.ts'

export const invariantNames = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'] as const
export type InvariantName = (typeof invariantNames)[number]

export interface Verdict {
  /** Calls that had to end in an entry: answered 200, or all that were rung where reconcile brings in the rest. */
  readonly expected: number
  /** Of those: without an entry although nothing parked or ended them. */
  readonly lost: number
  /** Entries beyond one a call. */
  readonly duplicated: number
  /** Null = held; a text says what broke it. */
  readonly invariants: Record<InvariantName, string | null>
  /** The process that wrote most: lines a second in its busiest ten seconds. */
  readonly logLinesPerSecond: number
  /** The largest resident size of a process, MB. */
  readonly peakMb: number
}

export interface VerdictOptions {
  /** Calls whose event was refused are expected too: reconcile finds them. */
  readonly refusedToo?: boolean
  /** Classes that this fault may end or park a call with; a call of such a class has no entry. */
  readonly endings?: readonly string[]
  readonly withinMs?: number
  /** Reasons why an invariant can't be held under this injection (a stall that is injected stalls a loop), by name. */
  readonly apart?: Partial<Record<InvariantName, string>>
}

const place = (call: Rung) => `${call.portal} ${call.dealId}`

/** From here on the loops are looked at: a start is not what the promise is about. */
export async function beginWatch(bed: Bed): Promise<void> {
  await Promise.all(bed.programs.map((one) => one.usage()))
}

/** Waits until everything has ended, then holds what was done against what was promised. */
export async function judge(bed: Bed, loads: readonly Load[], options: VerdictOptions = {}): Promise<Verdict> {
  const calls = loads.flatMap((load) => (options.refusedToo === true ? load.posted() : load.accepted()))
  return bed.record === null ? await judgeNaive(bed, calls, options) : await judgeCallsift(bed, loads, calls, options)
}

async function judgeNaive(bed: Bed, calls: readonly Rung[], options: VerdictOptions): Promise<Verdict> {
  let seen = -1
  let changedAt = performance.now()
  const withoutEntry = async () => {
    const counts = await countEntries(bed)
    return calls.filter((call) => !counts.has(place(call))).length
  }
  // BullMQ's own defaults need a minute to notice a dead worker, and its last waits are as long.
  const restMs = 10_000 + 90_000 * bed.scale
  // It keeps no record that could say when it is done: it is when all is there, or when nothing has come for long.
  await until(
    async () => {
      const open = await withoutEntry()
      if (open !== seen) {
        seen = open
        changedAt = performance.now()
      }
      return open === 0 || performance.now() - changedAt > restMs
    },
    'the naive pipeline to come to rest',
    options.withinMs ?? 180_000,
    250,
  )
  const counts = await countEntries(bed)
  return {
    expected: calls.length,
    lost: await withoutEntry(),
    duplicated: [...counts.values()].reduce((sum, count) => sum + count - 1, 0),
    invariants: { I1: null, I2: null, I3: null, I4: null, I5: null, I6: null, I7: null },
    logLinesPerSecond: Math.max(...bed.programs.map((one) => one.logRate().busiest)),
    peakMb: Math.max(...bed.programs.map((one) => one.peakMb())),
  }
}

interface Ending {
  readonly state: string
  readonly class: string | null
}

async function readEndings(bed: Bed): Promise<Map<string, Ending>> {
  const record = bed.record
  if (record === null) throw new Error('there is no record to read')
  const rows = await record.db
    .selectFrom('callsift.calls as c')
    .innerJoin('callsift.runs as r', 'r.id', 'c.run_id')
    .select(['c.call_ref', 'r.state', 'r.class'])
    .where('c.call_ref', 'is not', null)
    .execute()
  return new Map(rows.map((row) => [row.call_ref ?? '', { state: row.state, class: row.class }]))
}

async function describeOpen(bed: Bed): Promise<string> {
  const steps = await bed.record?.db
    .selectFrom('callsift.steps')
    .select(['run_id', 'name', 'state', 'class', 'message', 'attempts', 'laters', 'crashes', 'due_at'])
    .where('state', 'not in', ['done', 'cancelled'])
    .limit(5)
    .execute()
  return JSON.stringify(steps)
}

async function judgeCallsift(
  bed: Bed,
  loads: readonly Load[],
  calls: readonly Rung[],
  options: VerdictOptions,
): Promise<Verdict> {
  let open: readonly Rung[] = calls
  let stuck = ''
  await until(
    async () => {
      const endings = await readEndings(bed)
      open = calls.filter((call) => !['done', 'parked'].includes(endings.get(call.callId)?.state ?? ''))
      return open.length === 0
    },
    'the backlog to drain',
    options.withinMs ?? 120_000,
    250,
  ).catch(async (error: unknown) => {
    stuck = `${error instanceof Error ? error.message : String(error)}; ${open.length} calls are open: ${await describeOpen(bed)}`
  })
  const endings = await readEndings(bed)
  const counts = await countEntries(bed)
  const vanished = calls.filter((call) => !endings.has(call.callId))
  const allowed = new Set(options.endings ?? [])
  const wrong: string[] = []
  let lost = 0
  for (const call of calls) {
    const ending = endings.get(call.callId)
    const entries = counts.get(place(call)) ?? 0
    const entitled = ending !== undefined && ending.class !== null && allowed.has(ending.class)
    if (entries === 0 && !entitled) lost += 1
    const written = ending?.state === 'done' && ending.class === null
    if (entries !== (written ? 1 : 0)) wrong.push(`${call.callId}: ${JSON.stringify(ending)} with ${entries} entries`)
  }
  // Also calls whose event was refused and that came in by reconcile all the same: one entry at most.
  const all = loads.flatMap((load) => load.calls)
  const duplicated = all.reduce((sum, call) => sum + Math.max(0, (counts.get(place(call)) ?? 0) - 1), 0)
  const unexpected = [...endings].filter(
    ([, ending]) => ending.state !== 'running' && ending.class !== null && !allowed.has(ending.class),
  )
  const invariants: Record<InvariantName, string | null> = {
    I1: vanished.length > 0 ? `${vanished.length} accepted calls have no row` : null,
    I2: wrong.length > 0 || duplicated > 0 ? `${duplicated} duplicates; ${wrong.slice(0, 3).join('; ')}` : null,
    I3: await checkPaidOnce(bed),
    I4: await checkClosedGates(bed),
    I5: await checkSecrets(bed),
    I6: await checkProcesses(bed),
    I7:
      stuck !== ''
        ? stuck
        : unexpected.length > 0
          ? `${unexpected.length} calls ended otherwise, e.g. ${JSON.stringify(unexpected[0])}`
          : null,
  }
  for (const name of Object.keys(options.apart ?? {}) as InvariantName[]) invariants[name] = null
  return {
    expected: calls.length,
    lost,
    duplicated,
    invariants,
    logLinesPerSecond: Math.max(...bed.programs.map((one) => one.logRate().busiest)),
    peakMb: Math.max(...bed.programs.map((one) => one.peakMb())),
  }
}

/**
 * I3: of each paid kind, no more was bought than results were stored and attempts ended without one (their worker died, their answer was
 * lost, the upstream failed). A result that stood and was bought again would be one too many.
 */
async function checkPaidOnce(bed: Bed): Promise<string | null> {
  const record = bed.record
  if (record === null) return null
  const requests = await readRequests(bed)
  for (const [kind, step, route] of [
    ['transcription', 'transcribePart', 'transcription'],
    ['chat', 'classifyLead', 'chat'],
  ] as const) {
    const bought = (await readEffects(bed, kind)).length
    const attempts = await record.db
      .selectFrom('callsift.attempts as a')
      .innerJoin('callsift.steps as s', 's.id', 'a.step_id')
      .select(['a.outcome'])
      .where('s.name', '=', step)
      .execute()
    const stored = attempts.filter((one) => one.outcome === 'value' || one.outcome === 'page').length
    const without = attempts.length - stored
    const spoilt = requests.filter((one) => one.route === route && (one.fault !== null || one.status !== 200)).length
    if (bought > stored + without + spoilt)
      return `${kind}: ${bought} bought, ${stored} results stored, ${without} attempts without one, ${spoilt} answers spoilt`
  }
  return null
}

/**
 * I4: 50 ms are for clocks. A request that had its permit when the refusal came has crossed it and is none: the permit's life, and what a
 * loop that keeps I6 may need to hear the refusal and to store it.
 */
async function checkClosedGates(bed: Bed): Promise<string | null> {
  const crossingMs = scaledTimings(bed.scale).permitMs + limits.loopP99Ms + 50
  const early = (await readRequests(bed)).filter((one) => one.earlyMs > 50 && one.sinceRefusalMs > crossingMs)
  const [first] = early
  return first === undefined
    ? null
    : `${early.length} requests came early, e.g. ${first.method} ${first.route} ${Math.round(first.earlyMs)} ms too soon, ${Math.round(first.sinceRefusalMs)} ms after the refusal`
}

/** I5: keys, tokens and words of the call, in logs, in Redis' file, in the metrics. */
async function checkSecrets(bed: Bed): Promise<string | null> {
  const leaking = bed.programs.filter((one) => one.leaks().length > 0)
  if (leaking.length > 0) return `in the log of ${leaking.map((one) => one.name).join(', ')}`
  const metrics = await request(`${bed.origin}/metrics`).then(
    async (answer) => await answer.body.text(),
    () => '',
  )
  const kept = (await readdir(bed.redisFolder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  const queue = await Promise.all(
    kept.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1').catch(() => '')),
  )
  for (const { apiKey, applicationToken } of bed.portals) {
    for (const secret of [apiKey, applicationToken]) {
      if (metrics.includes(secret)) return 'in /metrics'
      if (queue.some((text) => text.includes(secret))) return "in Redis' files"
    }
  }
  return null
}

const limits = { serveMb: 300, workerMb: 400, loopP99Ms: 100, linesPerSecond: 20 }

async function checkProcesses(bed: Bed): Promise<string | null> {
  const broken: string[] = []
  for (const one of bed.programs) {
    const limit = one.name.startsWith('work') ? limits.workerMb : limits.serveMb
    if (!one.alive()) broken.push(`${one.name} is not alive: ${one.said().slice(-300)}`)
    if (one.crashes() > 0) broken.push(`${one.name} ended ${one.crashes()} times by itself: ${one.said().slice(-500)}`)
    if (one.peakMb() > limit) broken.push(`${one.name} held ${Math.round(one.peakMb())} MB`)
    const { busiest } = one.logRate()
    if (busiest > limits.linesPerSecond) broken.push(`${one.name} wrote ${busiest.toFixed(0)} lines a second`)
    const usage = one.alive() ? await one.usage() : null
    if (usage === null) continue
    // On a machine that others use as well, what it waited for a processor is not its own lateness.
    const loopMs = limits.loopP99Ms * (1 + usage.waitedMs / Math.max(1, usage.ranMs))
    if (usage.loopP99Ms > loopMs) {
      const share = `${usage.waitedMs.toFixed(0)} ms of waiting for a processor in ${usage.ranMs.toFixed(0)} ms of work`
      broken.push(`the loop of ${one.name} was ${usage.loopP99Ms.toFixed(0)} ms late (p99), with ${share}`)
    }
  }
  return broken.length === 0 ? null : broken.join('; ')
}
