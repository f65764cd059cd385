import { z } from 'zod'
import { listCalls } from '../db/calls.ts'
import { defineOperation, Paging } from './operation.ts'

export const callList = defineOperation({
  name: 'call.list',
  summary: 'Lists calls, newest first.',
  input: z.strictObject({
    status: z.enum(['running', 'done', 'parked', 'cancelled']).optional(),
    portal: z.string().min(1).max(200).optional(),
    class: z.string().min(1).max(100).optional(),
    ...Paging,
  }),
  run: async (app, input) => {
    const calls = await listCalls(app.db, {
      state: input.status,
      portalId: input.portal,
      class: input.class,
      cursor: input.cursor,
      limit: input.limit + 1,
    })
    const page = calls.slice(0, input.limit)
    return { calls: page, nextCursor: calls.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})
