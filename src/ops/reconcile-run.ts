import { z } from 'zod'
import { defineOperation } from './operation.ts'
import { needPortal } from './portals.ts'

export const reconcileRun = defineOperation({
  name: 'reconcile.run',
  summary: 'Asks the portals now for calls that no event told of.',
  input: z.strictObject({ portalId: z.string().min(1).max(200).optional() }),
  audit: (input) => ({ subject: input.portalId === undefined ? 'all portals' : `portal ${input.portalId}` }),
  run: async (app, input) => {
    if (input.portalId !== undefined) await needPortal(app, input.portalId)
    const found = await app.reconcile({
      force: true,
      ...(input.portalId === undefined ? {} : { portalId: input.portalId }),
    })
    app.engine.kick()
    return found
  },
})
