import { z } from 'zod'
import type { App } from '../context.ts'
import { readBacklog, readFigures, readHours } from '../db/overview.ts'
import { listDoubtful } from '../db/reviews.ts'
import { costOf } from './cost-of.ts'
import { defineOperation } from './operation.ts'
import { readStatus } from './status.ts'

const windows = { '24h': 24, '7d': 7 * 24 } as const

export async function readOverview(app: App, window: keyof typeof windows) {
  const hours = windows[window]
  const status = await readStatus(app)
  const perHour = await readHours(app.db, hours)
  const figures = await readFigures(app.db, hours)
  const backlog = await readBacklog(app.db)
  const doubtful = await listDoubtful(app.db, { limit: 100 })
  return {
    window,
    perHour,
    ...figures,
    costMicros: costOf(app, figures),
    currency: app.config.prices.currency,
    backlog,
    doubtful: doubtful.length,
    status,
  }
}
/** Figures of a day do not change in seconds: those that stand above the list are made once for all who look. */
const freshMs = 5_000
const kept = new WeakMap<App, { at: number; figures: Promise<Overview> }>()

export async function readRecentOverview(app: App): Promise<Overview> {
  const before = kept.get(app)
  if (before !== undefined && performance.now() - before.at < freshMs) return await before.figures
  const figures = readOverview(app, '24h')
  kept.set(app, { at: performance.now(), figures })
  figures.catch(() => kept.delete(app))
  return await figures
}

export type Overview = Awaited<ReturnType<typeof readOverview>>

export const overview = defineOperation({
  name: 'overview',
  summary: 'Calls and failures by hour, times from webhook to timeline, verdicts, cost, gates, backlog and workers.',
  input: z.strictObject({ window: z.enum(['24h', '7d']).default('24h') }),
  run: async (app, input) => await readOverview(app, input.window),
})
