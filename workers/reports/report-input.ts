import { z } from 'zod'

const Day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date such as 2026-11-01')

/** What a report is asked for; the same by hand and by a schedule. */
export const ReportInput = z
  .strictObject({
    /** The last whole one, on the portal's clocks. */
    period: z.enum(['day', 'week', 'month']).default('week'),
    /** Instead of it: days, both included. */
    from: Day.optional(),
    to: Day.optional(),
    by: z.enum(['manager', 'source']).default('manager'),
    language: z.enum(['ru', 'en']).default('ru'),
    /** A chat, by the bot that speaks there. */
    bot: z.strictObject({ botId: z.number().int().min(1), dialogId: z.string().min(1).max(100) }).optional(),
    /** Users who are notified. */
    notify: z.array(z.number().int().min(1)).max(50).default([]),
    /** Only gathers the figures: nothing is paid or sent. */
    dryRun: z.boolean().default(false),
  })
  .refine((input) => (input.from === undefined) === (input.to === undefined), 'from and to go together')
  .refine(
    (input) => input.from === undefined || input.to === undefined || input.from <= input.to,
    'from must not lie after to',
  )
export type ReportInput = z.output<typeof ReportInput>

const Counts = {
  calls: z.number(),
  high: z.number(),
  medium: z.number(),
  low: z.number(),
  /** Of the judged calls; null where none was. */
  averageScore: z.number().nullable(),
  leads: z.number(),
  converted: z.number(),
  /** Converted of all leads, per cent with one decimal. */
  conversion: z.number(),
  deals: z.number(),
  won: z.number(),
  wonAmount: z.number(),
}
export const Figures = z.object({
  firstDay: z.string(),
  lastDay: z.string(),
  by: z.enum(['manager', 'source']),
  total: z.object(Counts),
  groups: z.array(z.object({ key: z.string(), name: z.string(), ...Counts })),
})
export type Figures = z.output<typeof Figures>
export type Counted = Figures['total']
