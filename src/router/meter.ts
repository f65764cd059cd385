import type { Database } from '../db/connect.ts'
import type { RouterKey } from '../db/router-keys.ts'
import { addRouterUsage, type RouterUsage, readSpent } from '../db/router-usage.ts'
import type { Log } from '../log.ts'
import { repeat } from '../repeat.ts'
import { type Amounts, costMicros, type Price } from './prices.ts'
import { RouterError } from './router-error.ts'

export interface Used extends Amounts {
  readonly source: string
  readonly model: string
  readonly price: Price
  /** Counted by us, because the provider could not say any more. */
  readonly estimated: boolean
}

/** Money held back for a request under way. */
export interface Hold {
  /** Once: what it used at last, by provider; empty = nothing. */
  settle(used: readonly Used[]): void
}

export interface Meter {
  /** Holds back what a request may cost. Throws `RouterError` insufficient_balance or RATE_LIMIT_EXCEEDED. */
  hold(key: RouterKey, price: Price, most: Amounts): Promise<Hold>
  /** Writes what is counted; until then it is in memory. */
  flush(): Promise<void>
  close(): Promise<void>
}

interface Spent {
  day: string
  tokens: number
  micros: number
  heldMicros: number
  loadedAtMs: number
}

const dayMs = 86_400_000
const flushEveryMs = 500
/** Other processes' use of the same key is seen after so long. */
const reloadMs = 5_000

/** Asked with every request; the day is another one once in a day. */
function createCalendar(): (atMs: number) => string {
  let [begunMs, text] = [Number.NaN, '']
  return (atMs) => {
    if (!(atMs >= begunMs && atMs < begunMs + dayMs)) {
      begunMs = Math.floor(atMs / dayMs) * dayMs
      text = new Date(begunMs).toISOString().slice(0, 10)
    }
    return text
  }
}

const nameOf = (row: RouterUsage) => `${row.keyId}\n${row.day}\n${row.credentialId}\n${row.model}`

function sum(one: RouterUsage, other: RouterUsage): RouterUsage {
  return {
    ...one,
    requests: one.requests + other.requests,
    estimated: one.estimated + other.estimated,
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
    audioMs: one.audioMs + other.audioMs,
    costMicros: one.costMicros + other.costMicros,
  }
}

/** Counts in memory and writes sums twice a second: a row a request would be the slowest part of it. */
export function createMeter(db: Database, log: Log, now: () => number): Meter {
  const dayOf = createCalendar()
  let pending = new Map<string, RouterUsage>()
  const limited = new Map<string, Spent>()
  let writing: Promise<void> = Promise.resolve()

  const add = (row: RouterUsage) => {
    const name = nameOf(row)
    const known = pending.get(name)
    pending.set(name, known === undefined ? row : sum(known, row))
  }

  const write = async () => {
    const rows = [...pending.values()]
    pending = new Map()
    try {
      await addRouterUsage(db, rows)
    } catch (error) {
      // Nothing was written: all of it comes back, and goes with the next round.
      for (const row of rows) add(row)
      throw error
    }
  }
  /** Writes and reads follow each other, so that what is read is all that was written, and nothing twice. */
  const inTurn = <Value>(act: () => Promise<Value>): Promise<Value> => {
    const done = writing.then(act)
    writing = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }
  const flush = () => inTurn(write)
  const flushing = repeat('writing what the router has used', flushEveryMs, log, flush)

  const isFresh = (spent: Spent, day: string) => spent.day === day && now() - spent.loadedAtMs < reloadMs

  const load = async (key: RouterKey): Promise<Spent> => {
    const day = dayOf(now())
    const known = limited.get(key.id)
    if (known !== undefined && isFresh(known, day)) return known
    return await inTurn(async () => {
      // Whoever waited for the same look-up finds it done.
      const spent = limited.get(key.id) ?? { day, tokens: 0, micros: 0, heldMicros: 0, loadedAtMs: 0 }
      if (isFresh(spent, day)) return spent
      const before = { tokens: spent.tokens, micros: spent.micros }
      await write()
      const { tokensToday, microsThisMonth } = await readSpent(db, key.id, day)
      // What was settled since the write began is not in the record yet. The object stays: requests under way give back to it.
      spent.tokens = tokensToday + spent.tokens - before.tokens
      spent.micros = microsThisMonth + spent.micros - before.micros
      spent.day = day
      spent.loadedAtMs = now()
      limited.set(key.id, spent)
      return spent
    })
  }

  const settleFor = (key: RouterKey, used: Used): number => {
    const micros = costMicros(used.price, used)
    add({
      day: dayOf(now()),
      keyId: key.id,
      credentialId: used.source,
      model: used.model,
      requests: 1,
      estimated: used.estimated ? 1 : 0,
      promptTokens: used.promptTokens,
      completionTokens: used.completionTokens,
      audioMs: used.audioMs,
      costMicros: micros,
    })
    return micros
  }

  return {
    hold: async (key, price, most) => {
      if (key.tokensPerDay === null && key.budgetMicros === null) {
        return { settle: (used) => used.forEach((one) => void settleFor(key, one)) }
      }
      const spent = await load(key)
      const held = costMicros(price, most)
      if (key.tokensPerDay !== null && spent.tokens >= key.tokensPerDay) throw dayIsSpent(now())
      if (key.budgetMicros !== null && held > 0 && spent.micros + spent.heldMicros + held > key.budgetMicros) {
        throw new RouterError(
          'insufficient_balance',
          "The key's budget of this month does not reach for this request.",
          {
            headers: { 'x-should-retry': 'false' },
          },
        )
      }
      spent.heldMicros += held
      return {
        settle: (used) => {
          spent.heldMicros -= held
          for (const one of used) {
            spent.micros += settleFor(key, one)
            spent.tokens += one.promptTokens + one.completionTokens
          }
        },
      }
    },
    flush,
    close: async () => {
      await flushing.stop()
      await flush()
    },
  }
}

function dayIsSpent(nowMs: number): RouterError {
  const seconds = Math.max(1, Math.ceil((dayMs - (nowMs % dayMs)) / 1000))
  const headers = { 'x-ratelimit-reset': String(seconds), 'retry-after': String(seconds), 'x-should-retry': 'false' }
  return new RouterError('RATE_LIMIT_EXCEEDED', "The key's tokens of this day (UTC) are used up.", { headers })
}
