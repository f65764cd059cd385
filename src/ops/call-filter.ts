import { z } from 'zod'
import type { CallFilter } from '../db/call-search.ts'
import { type Caller, mayAct } from './operation.ts'

const word = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\w.:-]+$/, 'must be a single word')

const plain = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes('\0') && text.isWellFormed(), 'must be plain text')

const periods = { '1h': 1, '24h': 24, '7d': 7 * 24, '30d': 30 * 24, '90d': 90 * 24 } as const

/** What a list of calls may be narrowed to; the same words in the address of a page, the API and the command line. */
export const CallFilterInput = {
  status: z.enum(['running', 'done', 'parked', 'cancelled']).optional(),
  /** Why it failed or waits. */
  cause: word.optional(),
  /** The same under its older name. */
  class: word.optional(),
  step: word.optional(),
  quality: z.enum(['high', 'medium', 'low']).optional(),
  portal: plain(200).min(1).optional(),
  period: z.enum(['1h', '24h', '7d', '30d', '90d']).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  /** A phone, a CRM record's id, our id, CALL_ID or activity. */
  q: plain(300).optional(),
}

const Filter = z.object(CallFilterInput)
export type CallFilterInput = z.output<typeof Filter>

export function readFilter(input: CallFilterInput, caller: Caller): CallFilter {
  const fromPeriod = input.period === undefined ? undefined : new Date(Date.now() - periods[input.period] * 3_600_000)
  return {
    status: input.status,
    cause: input.cause ?? input.class,
    step: input.step,
    quality: input.quality,
    portal: input.portal,
    since: input.since === undefined ? fromPeriod : new Date(input.since),
    until: input.until === undefined ? undefined : new Date(input.until),
    q: input.q,
    partOfPhone: mayAct(caller, 'operator'),
  }
}
