import { z } from 'zod'
import { listCredentialLabels } from '../db/router-credentials.ts'
import { createRouterKey, listRouterKeys, openKeyDigest, revokeRouterKey } from '../db/router-keys.ts'
import { listRouterUsage, listSpent } from '../db/router-usage.ts'
import { routerCurrency } from '../wire/router-currency.ts'
import { defineOperation, OperationError, RowId } from './operation.ts'

const Tenant = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, 'must be small letters, digits, - and _')

export const routerKeyCreate = defineOperation({
  name: 'router.key.create',
  summary: 'Makes a key of the AI Router. It is shown this once.',
  role: 'admin',
  input: z.strictObject({
    name: z.string().trim().min(1).max(100),
    tenant: Tenant.default('default'),
    kind: z.enum(['api', 'app']).default('api'),
    scopes: z
      .array(z.string().regex(/^[a-z0-9:_-]{1,60}$/))
      .max(20)
      .default(['vibe:ai']),
    perSecond: z.int().min(1).max(100_000).nullable().default(null),
    tokensPerDay: z.int().min(1).nullable().default(null),
    budgetMicros: z.int().min(0).nullable().default(null),
    expiresAt: z.iso.datetime({ offset: true }).nullable().default(null),
  }),
  audit: ({ name, tenant }) => ({ subject: `router key ${name}`, detail: { tenant } }),
  run: async ({ db, sealer }, input) => {
    const digest = await openKeyDigest(db, sealer)
    const expiresAt = input.expiresAt === null ? null : new Date(input.expiresAt)
    return { name: input.name, tenant: input.tenant, ...(await createRouterKey(db, digest, { ...input, expiresAt })) }
  },
})

export const routerKeyList = defineOperation({
  name: 'router.key.list',
  summary:
    'Lists the keys of the AI Router, without the keys themselves, with what each has used today and this month.',
  role: 'admin',
  input: z.strictObject({}),
  run: async ({ db }) => {
    const [keys, spent] = await Promise.all([listRouterKeys(db), listSpent(db, new Date().toISOString().slice(0, 10))])
    const of = new Map(spent.map((row) => [row.keyId, row]))
    return {
      keys: keys.map((key) => ({
        ...key,
        tokensToday: of.get(key.id)?.tokensToday ?? 0,
        microsThisMonth: of.get(key.id)?.microsThisMonth ?? 0,
      })),
    }
  },
})

export const routerKeyRevoke = defineOperation({
  name: 'router.key.revoke',
  summary: 'Takes a key of the AI Router out of force, within a second and for good.',
  role: 'admin',
  input: z.strictObject({ id: RowId }),
  audit: ({ id }) => ({ subject: `router key ${id}` }),
  run: async ({ db }, { id }) => {
    if (await revokeRouterKey(db, id)) return { id, revoked: true }
    throw new OperationError(
      'unknown_router_key',
      404,
      `No key in force has the id ${id}.`,
      'List them with `callsift router keys`.',
    )
  },
})

export const routerUsage = defineOperation({
  name: 'router.usage',
  summary: 'What the AI Router has passed on: requests, tokens, audio and money by day, key, credential and model.',
  input: z.strictObject({ days: z.coerce.number().int().min(1).max(366).default(7) }),
  run: async ({ db }, { days }) => {
    const since = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10)
    const [rows, keys, credentials] = await Promise.all([
      listRouterUsage(db, { since }),
      listRouterKeys(db),
      listCredentialLabels(db),
    ])
    return {
      days,
      since,
      currency: routerCurrency,
      rows,
      names: {
        keys: Object.fromEntries(keys.map(({ id, name }) => [id, name])),
        credentials: Object.fromEntries(credentials.map(({ id, label }) => [id, label])),
      },
    }
  },
})
