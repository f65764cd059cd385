import type { Config } from '../src/config.ts'
import { unknownIdentities } from '../src/db/call-facts.ts'
import type { Database } from '../src/db/connect.ts'
import type { Portal } from '../src/db/portals.ts'
import { Later, Permanent } from '../src/errors.ts'
import type { Acceptance } from '../src/intake/accept-calls.ts'
import { type IncomingCall, identitiesOf } from '../src/intake/incoming-call.ts'
import type { Vibecode } from '../src/vibecode/client.ts'
import { readListedCall } from './listed-call.ts'
import { chatMicros, speechMicros } from './spending.ts'

export interface BackfillPage {
  /** Calls that the portal listed on this page. */
  readonly listed: number
  /** Of those: in the record already. */
  readonly known: number
  /** Of those: left out by the portal's filters, by reason. */
  readonly filtered: Readonly<Record<string, number>>
  /** What remains: to be taken in, or, with `take`, taken in now. */
  readonly wanted: number
  readonly taken: number
  readonly minutes: number
  /** Calls of unknown length, which `minutes` and the costs leave out. */
  readonly unmeasured: number
  readonly speechCost: number
  readonly chatCost: number
  readonly currency: string
  /** Goes on after this statistic id; null on the last page. */
  readonly nextAfterId: number | null
}

interface BackfillDeps {
  readonly db: Database
  readonly config: Config
  clientFor(portal: Portal): Vibecode
  accept(call: IncomingCall): Promise<Acceptance>
}

/** Tokens of one judgement: the rubric and the answer, and what people say in a minute (about 150 words, two tokens each in Russian). */
const tokensPerCall = 800
const tokensPerMinute = 300
/** A portal that is busy with live calls is waited for this long a page, live calls going first. */
const patienceMs = 60_000

/**
 * One page of a portal's call statistic: counts and prices what no row tells of yet and, with `take`, takes it in behind the live calls.
 * Known calls are left out, so the same page can be read again at any time: a backfill that was broken off goes on by being begun again.
 */
export async function backfillPage(
  deps: BackfillDeps,
  portal: Portal,
  wanted: { since: Date; until: Date; afterId?: number | undefined; take: boolean },
): Promise<BackfillPage> {
  const { since, until, afterId } = wanted
  const client = deps.clientFor(portal)
  const query = { since, before: until, ...(afterId === undefined ? {} : { afterId }) }
  const page = await patiently(() => client.telephony.listCalls(query))
  const filtered: Record<string, number> = {}
  const calls: IncomingCall[] = []
  for (const row of page.calls) {
    const read = readListedCall(row, portal, deps.config, 'backfill')
    if ('call' in read) calls.push(read.call)
    else filtered[read.reason] = (filtered[read.reason] ?? 0) + 1
  }
  const unknown = await unknownIdentities(deps.db, calls.flatMap(identitiesOf))
  const missing = calls.filter((call) => identitiesOf(call).every((identity) => unknown.has(identity)))
  const answers = wanted.take ? await Promise.all(missing.map(deps.accept)) : []
  const seconds = missing.reduce((sum, call) => sum + (call.durationSeconds ?? 0), 0)
  const { prices } = deps.config
  const { lastId } = page
  if (page.hasMore && (lastId === null || lastId <= (afterId ?? 0))) {
    throw new Permanent('pages_do_not_advance', {
      message: `The call statistic of portal ${portal.id} does not go on after row ${afterId ?? 0}.`,
      hint: 'The portal ignores the filter by id: ask VibeCode, and take single calls in by their id meanwhile (callsift call).',
    })
  }
  return {
    listed: page.calls.length,
    known: calls.length - missing.length,
    filtered,
    wanted: missing.length,
    taken: answers.filter((answer) => answer.outcome === 'accepted').length,
    minutes: seconds / 60,
    unmeasured: missing.filter((call) => call.durationSeconds === undefined).length,
    speechCost: speechMicros(seconds * 1_000, prices) / 1_000_000,
    chatCost: chatMicros(missing.length * tokensPerCall + (seconds / 60) * tokensPerMinute, prices) / 1_000_000,
    currency: prices.currency,
    nextAfterId: page.hasMore ? lastId : null,
  }
}

async function patiently<Value>(ask: () => Promise<Value>): Promise<Value> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Later) || performance.now() + error.delayMs > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.max(100, error.delayMs)))
    }
  }
}
