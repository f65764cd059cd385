import { z } from 'zod'
import { isStepFailure } from '../errors.ts'
import { defineOperation, OperationError } from './operation.ts'
import { needPortal } from './portals.ts'

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

const Page = z.strictObject({
  portalId: z.string().min(1).max(200),
  /** Calls that began after this and before `until`. */
  since: moment,
  until: moment,
  /** `nextAfterId` of the page before. */
  afterId: z.number().int().min(1).optional(),
})

async function asking<Value>(portalId: string, ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask()
  } catch (error) {
    if (!isStepFailure(error)) throw error
    throw new OperationError(
      'portal_not_asked',
      409,
      `Portal ${portalId} could not be asked for its calls: ${error.message}`,
      `${error.hint ?? ''} Then run the backfill again: what is known by then is left out.`.trim(),
    )
  }
}

export const backfillCount = defineOperation({
  name: 'backfill.count',
  role: 'operator',
  summary: 'Counts and prices, page by page, the calls of a portal that are not in the record; takes nothing in.',
  input: Page,
  run: async (app, input) => {
    const portal = await needPortal(app, input.portalId)
    return await asking(portal.id, () => app.backfill(portal, { ...input, take: false }))
  },
})

export const backfillTake = defineOperation({
  name: 'backfill.take',
  role: 'admin',
  summary: 'Takes in, page by page, the calls of a portal that are not in the record, behind the live ones.',
  input: Page,
  audit: (input) => ({
    subject: `portal ${input.portalId}`,
    detail: { since: input.since, until: input.until, afterId: input.afterId },
  }),
  run: async (app, input) => {
    const portal = await needPortal(app, input.portalId)
    const page = await asking(portal.id, () => app.backfill(portal, { ...input, take: true }))
    app.engine.kick()
    return page
  },
})
