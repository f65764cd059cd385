import { z } from 'zod'

const Row = z.object({
  day: z.string(),
  keyId: z.string(),
  credentialId: z.string(),
  model: z.string(),
  requests: z.number(),
  estimated: z.number(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  audioMs: z.number(),
  costMicros: z.number(),
})

/** What `router.usage` answers. */
export const RouterUsageFacts = z.object({
  days: z.number(),
  since: z.string(),
  currency: z.string(),
  rows: z.array(Row),
  names: z.object({ keys: z.record(z.string(), z.string()), credentials: z.record(z.string(), z.string()) }),
})
export type RouterUsageFacts = z.output<typeof RouterUsageFacts>

const RouterKeyFacts = z.object({
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  last4: z.string(),
  perSecond: z.number().nullable(),
  tokensPerDay: z.number().nullable(),
  budgetMicros: z.number().nullable(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  tokensToday: z.number(),
  microsThisMonth: z.number(),
})
/** What `router.key.list` answers. */
export const RouterKeyList = z.object({ keys: z.array(RouterKeyFacts) })
export type RouterKeyFacts = z.output<typeof RouterKeyFacts>

export interface Sums {
  readonly requests: number
  readonly estimated: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly audioMs: number
  readonly costMicros: number
}

const nothing: Sums = { requests: 0, estimated: 0, promptTokens: 0, completionTokens: 0, audioMs: 0, costMicros: 0 }

export function sumUsage(rows: readonly Sums[]): Sums {
  return rows.reduce(
    (sums, row) => ({
      requests: sums.requests + row.requests,
      estimated: sums.estimated + row.estimated,
      promptTokens: sums.promptTokens + row.promptTokens,
      completionTokens: sums.completionTokens + row.completionTokens,
      audioMs: sums.audioMs + row.audioMs,
      costMicros: sums.costMicros + row.costMicros,
    }),
    nothing,
  )
}

/** Sums by what `nameOf` says, the most expensive and then the busiest first. */
export function groupUsage<Row extends Sums>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): (Sums & { name: string })[] {
  return [...Map.groupBy(rows, nameOf)]
    .map(([name, own]) => ({ name, ...sumUsage(own) }))
    .sort((a, b) => b.costMicros - a.costMicros || b.requests - a.requests)
}

/** Every day of the period, also those without use. */
export function usageByDay({ since, days, rows }: RouterUsageFacts): (Sums & { day: string })[] {
  const first = Date.parse(`${since}T00:00:00Z`)
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(first + index * 86_400_000).toISOString().slice(0, 10)
    return { day, ...sumUsage(rows.filter((row) => row.day === day)) }
  })
}
