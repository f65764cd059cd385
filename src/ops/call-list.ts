import { z } from 'zod'
import type { App } from '../context.ts'
import { countCalls, type FoundCall, searchCalls } from '../db/call-search.ts'
import { CallFilterInput, readFilter } from './call-filter.ts'
import { costOf } from './cost-of.ts'
import { type Caller, defineOperation, Paging } from './operation.ts'
import { phoneFor } from './phone-for.ts'

const StripCell = z.object({
  name: z.string(),
  state: z.string(),
  parts: z.number(),
  done: z.number(),
  attempts: z.number(),
})

const CallLine = z.object({
  id: z.string(),
  portalId: z.string(),
  domain: z.string().nullable(),
  callRef: z.string().nullable(),
  activityId: z.string().nullable(),
  source: z.string(),
  direction: z.enum(['in', 'out']).nullable(),
  phone: z.string().nullable(),
  line: z.string().nullable(),
  userId: z.string().nullable(),
  durationSeconds: z.number().nullable(),
  startedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  state: z.enum(['running', 'done', 'parked', 'cancelled']),
  generation: z.number(),
  class: z.string().nullable(),
  stoppedAt: z.string().nullable(),
  dueAt: z.iso.datetime().nullable(),
  blocked: z.boolean(),
  quality: z.string().nullable(),
  score: z.number().nullable(),
  doubtful: z.boolean(),
  flags: z.array(z.string()),
  written: z.string().nullable(),
  entityTypeId: z.number().nullable(),
  entityId: z.string().nullable(),
  costMicros: z.number().nullable(),
  strip: z.array(StripCell),
})

const Counts = z.object({ running: z.number(), done: z.number(), parked: z.number(), cancelled: z.number() })

/** A call as lists show it. Money in millionths of the configured currency, at the prices of now. */
export function lineOf(app: App, caller: Caller, found: FoundCall) {
  const { heardSeconds, tokens, ...call } = found
  const heard = call.strip.some((cell) => cell.name === 'transcribePart' && cell.done === cell.parts)
  return {
    ...call,
    phone: phoneFor(caller, call.phone),
    costMicros: costOf(app, { heardSeconds: heard ? heardSeconds : null, tokens }),
  }
}
export type CallLine = ReturnType<typeof lineOf>

export const callList = defineOperation({
  name: 'call.list',
  summary: 'Lists calls, newest first.',
  input: z.strictObject({ ...CallFilterInput, ...Paging }),
  output: z.object({ calls: z.array(CallLine), nextCursor: z.string().nullable() }),
  run: async (app, { limit, cursor, ...filter }, caller) => {
    const found = await searchCalls(app.db, readFilter(filter, caller), { cursor, limit: limit + 1 })
    const page = found.slice(0, limit).map((one) => lineOf(app, caller, one))
    return { calls: page, nextCursor: found.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})

export const callCount = defineOperation({
  name: 'call.count',
  summary: 'Counts the calls of a filter by state, whatever state it names.',
  input: z.strictObject(CallFilterInput),
  output: Counts,
  run: async (app, filter, caller) => await countCalls(app.db, readFilter(filter, caller)),
})
