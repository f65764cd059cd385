import { z } from 'zod'
import { isStepFailure } from '../errors.ts'
import { leadFields, missingLeadFields } from '../wire/lead-fields.ts'
import { defineOperation, OperationError } from './operation.ts'
import { needPortal } from './portals.ts'

export const portalFields = defineOperation({
  name: 'portal.fields',
  summary:
    'Which user fields verdicts need on the leads (or deals) of a portal, and, with `create`, creates those that are missing.',
  role: 'admin',
  input: z.strictObject({
    id: z.string().min(1).max(200),
    of: z.enum(['leads', 'deals']).default('leads'),
    create: z.boolean().default(false),
  }),
  audit: (input) => ({ subject: `portal ${input.id}`, detail: { of: input.of, create: input.create } }),
  run: async (app, input) => {
    const portal = await needPortal(app, input.id)
    const { userFields } = app.clientFor(portal)
    try {
      const missing = missingLeadFields(await userFields.names(input.of))
      if (input.create) for (const field of missing) await userFields.create(input.of, field)
      return {
        id: portal.id,
        fields: leadFields.map((field) => ({
          name: field.name,
          type: field.type,
          state: !missing.includes(field) ? 'there' : input.create ? 'created' : 'missing',
        })),
      }
    } catch (error) {
      if (!isStepFailure(error)) throw error
      throw new OperationError('portal_not_asked', 409, error.message, error.hint ?? 'Try again later.')
    }
  },
})
