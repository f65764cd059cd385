import { z } from 'zod'
import { listAlerts } from '../db/alerts.ts'
import { defineOperation, OperationError, Paging } from './operation.ts'
import { needPortal } from './portals.ts'

export const alertList = defineOperation({
  name: 'alert.list',
  summary: 'Lists what people were told of: standing alerts, or with `all` also those that are over, newest first.',
  input: z.strictObject({ all: z.boolean().default(false), ...Paging }),
  run: async (app, input) => {
    const rows = await listAlerts(app.db, { standing: !input.all, limit: input.limit + 1, cursor: input.cursor })
    const page = rows.slice(0, input.limit)
    return { alerts: page, nextCursor: rows.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})

export const alertTest = defineOperation({
  name: 'alert.test',
  role: 'admin',
  summary: 'Sends a test alert to the address and the bots that are set up, and says what came back.',
  input: z.strictObject({ portalId: z.string().min(1).max(200).optional() }),
  audit: (input) => ({ subject: input.portalId === undefined ? 'all channels' : `portal ${input.portalId}` }),
  run: async (app, input) => {
    if (input.portalId !== undefined) await needPortal(app, input.portalId)
    const sent = await app.alerts.test(input.portalId)
    if (sent.length === 0) {
      throw new OperationError(
        'no_channel',
        409,
        'Nobody would be told: no address and no bot is set up for alerts.',
        'Set CALLSIFT_ALERT_URL, or name a bot: callsift portal set <id> alertBot=BOT/DIALOG',
      )
    }
    return { ok: sent.every((one) => one.arrived), sent }
  },
})
