import { fail, type Reply } from '../reply.ts'

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `limit` and `offset` as VibeCode takes them: 50 by default, at most 5000. */
export function readPage(limit: unknown, offset: unknown): { limit: number; offset: number } | Reply {
  const size = limit === undefined || limit === null ? 50 : Number(limit)
  const start = offset === undefined || offset === null ? 0 : Number(offset)
  if (!Number.isInteger(size) || size < 1 || size > 5000)
    return fail(400, 'INVALID_PARAMS', 'limit must be a whole number from 1 to 5000')
  if (!Number.isInteger(start) || start < 0) return fail(400, 'INVALID_PARAMS', 'offset must be a whole number from 0')
  return { limit: size, offset: start }
}

/** Nested parameters of a query string: `filter[>ID]=5`, `filter[amount][$gte]=5`, `order[id]=asc`. */
export function nested(query: URLSearchParams, name: string): Record<string, unknown> {
  const found: Record<string, unknown> = Object.create(null)
  for (const [key, value] of query) {
    const parts = /^(\w+)\[([^\]]*)\](?:\[([^\]]*)\])?$/.exec(key)
    if (parts?.[1] !== name) continue
    const field = parts[2] ?? ''
    if (parts[3] === undefined) {
      found[field] = value
    } else if (parts[3] === '') {
      const list = found[field]
      found[field] = Array.isArray(list) ? [...list, value] : [value]
    } else {
      const inner = found[field]
      found[field] = { ...(isRecord(inner) ? inner : {}), [parts[3]]: value }
    }
  }
  return found
}
