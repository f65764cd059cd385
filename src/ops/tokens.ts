import { z } from 'zod'
import { createToken, listTokens, revokeToken } from '../db/tokens.ts'
import { defineOperation, OperationError, RoleInput, RowId } from './operation.ts'

export const tokenCreate = defineOperation({
  name: 'token.create',
  role: 'admin',
  summary: 'Makes an API token. It is shown this once.',
  input: z.strictObject({
    name: z.string().trim().min(1).max(100),
    role: RoleInput.default('admin'),
    /** Days it is good for; without, until it is revoked. */
    days: z.coerce.number().int().min(1).max(3_650).optional(),
  }),
  audit: (input) => ({ subject: `token ${input.name}`, detail: { role: input.role, days: input.days } }),
  run: async (app, { name, role, days }) => {
    const expiresAt = days === undefined ? null : new Date(Date.now() + days * 86_400_000)
    return { name, role, expiresAt, ...(await createToken(app.db, name, { role, expiresAt })) }
  },
})

export const tokenList = defineOperation({
  name: 'token.list',
  role: 'admin',
  summary: 'Lists API tokens, without the tokens themselves.',
  input: z.strictObject({}),
  run: async (app) => ({ tokens: await listTokens(app.db) }),
})

export const tokenRevoke = defineOperation({
  name: 'token.revoke',
  role: 'admin',
  summary: 'Takes an API token out of force, at once and for good.',
  input: z.strictObject({ id: RowId }),
  audit: (input) => ({ subject: `token ${input.id}` }),
  run: async (app, input) => {
    if (await revokeToken(app.db, input.id)) return { id: input.id, revoked: true }
    throw new OperationError(
      'unknown_token',
      404,
      `No token in force has the id ${input.id}.`,
      'List them with `callsift token list`.',
    )
  },
})
