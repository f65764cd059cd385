import { ok, type Reply } from '../reply.ts'
import type { Context } from '../world.ts'
import { isRecord } from './shared.ts'

type Operator = '=' | '!' | '>' | '>=' | '<' | '<=' | '%' | 'in'
export interface Condition {
  readonly field: string
  readonly operator: Operator
  readonly value: unknown
}

const operatorNames: Record<string, Operator> = {
  $eq: '=',
  $ne: '!',
  $gt: '>',
  $gte: '>=',
  $lt: '<',
  $lte: '<=',
  $contains: '%',
  $in: 'in',
  '=': '=',
  '!': '!',
  '!=': '!',
  '>': '>',
  '>=': '>=',
  '<': '<',
  '<=': '<=',
  '%': '%',
  '@': 'in',
}

/** All three dialects, mixed at will: `{amount:{$gte:5}}`, `{">=amount":5}`, `{amount:{">=":5}}`. */
export function splitFilter(filter: Record<string, unknown>): Condition[] {
  const conditions: Condition[] = []
  for (const [key, value] of Object.entries(filter)) {
    const [, prefix = '', field = ''] = /^(>=|<=|!=|>|<|!|%|=|@)?(.*)$/s.exec(key) ?? []
    if (isRecord(value)) {
      for (const [name, inner] of Object.entries(value))
        conditions.push({ field, operator: operatorNames[name] ?? '=', value: inner })
    } else {
      const operator = prefix === '' ? (Array.isArray(value) ? 'in' : '=') : (operatorNames[prefix] ?? '=')
      conditions.push({ field, operator, value })
    }
  }
  return conditions
}

const isoTime = /^\d{4}-\d{2}-\d{2}(T|$)/

/** Numbers as numbers, ISO times as moments whatever their offset, all else as text. */
export function compare(left: unknown, right: unknown): number {
  if (left === right) return 0
  if (left === null || left === undefined || left === '')
    return right === null || right === undefined || right === '' ? 0 : -1
  if (right === null || right === undefined || right === '') return 1
  const a = String(left)
  const b = String(right)
  if (isoTime.test(a) && isoTime.test(b)) return Date.parse(a) - Date.parse(b)
  const x = Number(a)
  const y = Number(b)
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y
  return a < b ? -1 : a > b ? 1 : 0
}

export function matches(row: Record<string, unknown>, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) => holds(row[condition.field], condition))
}

function holds(actual: unknown, { operator, value }: Condition): boolean {
  if (operator === '%') {
    return String(actual ?? '')
      .toLowerCase()
      .includes(String(value).toLowerCase())
  }
  if (operator === 'in')
    return (Array.isArray(value) ? value : String(value).split(',')).some((one) => compare(actual, one) === 0)
  const order = compare(actual, value)
  switch (operator) {
    case '=':
      return order === 0
    case '!':
      return order !== 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
  }
}

/** A list with its total where the switch wants it (documents differ: `meta.total`, or `total` beside `data`). */
export function listReply(context: Context, rows: readonly unknown[], total: number, page: { offset: number }): Reply {
  const hasMore = page.offset + rows.length < total
  const where = context.portal.switches.total
  const reply = ok(rows, where === 'top' ? { hasMore } : { total, hasMore })
  return where === 'meta' ? reply : { ...reply, json: { ...(isRecord(reply.json) ? reply.json : {}), total } }
}
