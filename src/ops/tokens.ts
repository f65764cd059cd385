import { z } from 'zod'
import { createToken, listTokens, revokeToken } from '../db/tokens.ts'
import { defineOperation, OperationError, RowId } from './operation.ts'

export const tokenCreate = defineOperation({
  name: 'token.create',
  summary: 'Makes an API token. It is shown this once.',
  input: z.strictObject({ name: z.string().trim().min(1).max(100) }),
  audit: (input) => ({ subject: `token ${input.name}` }),
  run: async (app, input) => ({ name: input.name, ...(await createToken(app.db, input.name)) }),
})

export const tokenList = defineOperation({
  name: 'token.list',
  summary: 'Lists API tokens, without the tokens themselves.',
  input: z.strictObject({}),
  run: async (app) => ({ tokens: await listTokens(app.db) }),
})

export const tokenRevoke = defineOperation({
  name: 'token.revoke',
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
