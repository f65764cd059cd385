import type { App } from '../context.ts'

/** Millionths of the configured currency; null where nothing was paid for, or no price is known. */
export function costOf(app: App, used: { heardSeconds: number | null; tokens: number | null }): number | null {
  const { speechMinuteMicros, chat1kTokensMicros } = app.config.prices
  if (speechMinuteMicros === 0 && chat1kTokensMicros === 0) return null
  if (used.heardSeconds === null && used.tokens === null) return null
  return Math.round(
    ((used.heardSeconds ?? 0) / 60) * speechMinuteMicros + ((used.tokens ?? 0) / 1_000) * chat1kTokensMicros,
  )
}
