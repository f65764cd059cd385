import { z } from 'zod'
import { listDeliveries } from '../db/deliveries.ts'
import { describeReason } from './delivery-text.ts'
import { defineOperation, Paging } from './operation.ts'

export const deliveriesList = defineOperation({
  name: 'deliveries.list',
  summary: 'Lists what came in and what became of it, newest first.',
  input: z.strictObject({
    portal: z.string().min(1).max(200).optional(),
    outcome: z.enum(['accepted', 'duplicate', 'ignored', 'refused']).optional(),
    ...Paging,
  }),
  run: async (app, input) => {
    const rows = await listDeliveries(app.db, {
      portalId: input.portal,
      outcome: input.outcome,
      cursor: input.cursor,
      limit: input.limit + 1,
    })
    const page = rows.slice(0, input.limit)
    const told = page.map((row) => ({ ...row, ...describeReason(row.reason, row.portalId) }))
    return { deliveries: told, nextCursor: rows.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})
