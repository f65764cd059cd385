import { z } from 'zod'

/** Ids and counts come as numbers or as strings of digits. */
export const wireInteger = z.union([
  z.number().int(),
  z
    .string()
    .trim()
    .regex(/^-?\d{1,15}$/)
    .transform(Number),
])

/** An id above zero; Bitrix24 writes "none" as null, "" or 0. */
export const wireId = wireInteger.refine((value) => value > 0 && Number.isSafeInteger(value), 'not an id')

/** An id that may be missing: null, "", 0 and anything unreadable are null. */
export const optionalId = z
  .unknown()
  .optional()
  .transform((value) => {
    const read = wireId.safeParse(value)
    return read.success ? read.data : null
  })

export const optionalInteger = z
  .unknown()
  .optional()
  .transform((value) => {
    const read = wireInteger.safeParse(value)
    return read.success ? read.data : null
  })

/** Text that may be missing; "" and null are null, a number becomes its digits. */
export const optionalText = z
  .unknown()
  .optional()
  .transform((value) => {
    if (typeof value === 'number' && Number.isFinite(value)) return String(value)
    return typeof value === 'string' && value !== '' ? value : null
  })

/** `CRM_ACTIVITY_ID` and `crmActivityId` alike become `crmActivityId`; `ID` becomes `id`. User fields pass untouched. */
export function camelKey(key: string): string {
  if (/^uf_?crm_/i.test(key)) return key
  if (!/^[A-Z0-9_]+$/.test(key)) return key
  return key.toLowerCase().replace(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
}

/** One level of keys in camelCase; a camelCase key that came as such wins over its UPPER_CASE twin. */
export function camelKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value)
  const named = new Map(entries.map(([key, item]) => [camelKey(key), item]))
  for (const [key, item] of entries) if (camelKey(key) === key) named.set(key, item)
  return Object.fromEntries(named)
}

/** An object whose keys come in either case. */
export function inEitherCase<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess(camelKeys, schema)
}

/** `{success, data, meta}`; some pages show `total` beside `data`, others inside `meta`. */
export function envelope<Schema extends z.ZodType>(data: Schema) {
  return z
    .object({ data, meta: z.unknown().optional(), total: z.unknown().optional(), hasMore: z.unknown().optional() })
    .transform((parsed) => {
      const answer = parsed as { data: z.output<Schema>; meta?: unknown; total?: unknown; hasMore?: unknown }
      const meta =
        typeof answer.meta === 'object' && answer.meta !== null ? (answer.meta as Record<string, unknown>) : {}
      const total = wireInteger.safeParse(meta['total'] ?? answer.total)
      const more = meta['hasMore'] ?? answer.hasMore
      return {
        data: answer.data,
        total: total.success ? total.data : null,
        hasMore: typeof more === 'boolean' ? more : null,
      }
    })
}

/** A list under `data`, or under `data.items`. */
export function listEnvelope<Schema extends z.ZodType>(item: Schema) {
  const unwrap = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return 'items' in value ? value.items : value
  }
  return envelope(z.preprocess(unwrap, z.array(item)))
}
