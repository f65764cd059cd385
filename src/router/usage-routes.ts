import { listRouterUsage, type RouterUsage } from '../db/router-usage.ts'
import { type Exchange, type Kit, sendJson } from './exchange.ts'
import { findCredential } from './find-credential.ts'
import { currency, pricesVersion } from './prices.ts'
import { RouterError } from './router-error.ts'

const mostDays = 366

function readDays(query: URLSearchParams): number {
  const text = query.get('days') ?? '7'
  const days = Number(text)
  if (!/^\d{1,3}$/.test(text) || days < 1 || days > mostDays) {
    throw new RouterError('invalid_request', `days must be a whole number from 1 to ${mostDays}.`)
  }
  return days
}

const nothing = { requests: 0, promptTokens: 0, completionTokens: 0, totalTokens: 0, audioSeconds: 0, costMicros: 0 }
type Sums = typeof nothing

function add(sums: Sums, row: RouterUsage): Sums {
  return {
    requests: sums.requests + row.requests,
    promptTokens: sums.promptTokens + row.promptTokens,
    completionTokens: sums.completionTokens + row.completionTokens,
    totalTokens: sums.totalTokens + row.promptTokens + row.completionTokens,
    audioSeconds: sums.audioSeconds + row.audioMs / 1000,
    costMicros: sums.costMicros + row.costMicros,
  }
}

function groupBy(rows: readonly RouterUsage[], name: 'model' | 'day'): (Sums & Record<string, unknown>)[] {
  const groups = new Map<string, Sums>()
  for (const row of rows) groups.set(row[name], add(groups.get(row[name]) ?? nothing, row))
  return [...groups].map(([value, sums]) => ({ [name]: value, ...sums }))
}

async function sendUsage(
  kit: Kit,
  exchange: Exchange,
  of: { readonly keyId?: string; readonly credentialId?: string },
): Promise<void> {
  const days = readDays(exchange.query)
  // What was just counted is in it.
  await kit.meter.flush()
  const since = new Date(kit.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10)
  const rows = await listRouterUsage(kit.db, { since, ...of })
  const data = {
    days,
    currency,
    pricesVersion,
    totals: rows.reduce(add, nothing),
    byModel: groupBy(rows, 'model'),
    byDay: groupBy(rows, 'day'),
  }
  sendJson(exchange.response, 200, { success: true, data })
}

/** `GET /v1/ai/usage?days=`: of the key that asks. Money in integer millionths. */
export async function keyUsage(kit: Kit, exchange: Exchange): Promise<void> {
  await sendUsage(kit, exchange, { keyId: exchange.key.id })
}

/** `GET /v1/ai/credentials/:id/usage`: of a provider's key, whoever of the tenant used it. */
export async function credentialUsage(kit: Kit, exchange: Exchange): Promise<void> {
  const { id } = await findCredential(kit, exchange)
  await sendUsage(kit, exchange, { credentialId: id })
}
