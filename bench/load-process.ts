// The generator: open loop, in a process of its own. A request is sent when it is due, whether or not earlier ones were answered, and its
// latency counts from the moment it was due; so a server that stalls cannot hide it (coordinated omission).
import { Pool } from 'undici'
import type { LoadOrder, LoadResult } from './load.ts'

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder
const pool = new Pool(order.origin, { connections: 256, pipelining: 1, headersTimeout: 30_000 })

function form(index: number): string {
  const call = order.distinct === undefined ? index : index % order.distinct
  const portal = order.portals[call % order.portals.length]
  const id = `${order.run}.${call}`
  const at = new Date(Date.now() - 60_000).toISOString().slice(0, 19)
  return new URLSearchParams([
    ['event', 'ONVOXIMPLANTCALLEND'],
    ['event_handler_id', '1061'],
    ['data[CALL_ID]', id],
    ['data[CALL_TYPE]', '2'],
    ['data[PHONE_NUMBER]', `+7495${String(1_000_000 + (call % 8_999_999))}`],
    ['data[PORTAL_NUMBER]', 'reg133788'],
    ['data[PORTAL_USER_ID]', '1'],
    ['data[CALL_DURATION]', '60'],
    ['data[CALL_START_DATE]', `${at}+00:00`],
    ['data[CALL_FAILED_CODE]', '200'],
    ['data[CALL_FAILED_REASON]', 'Success call'],
    ['data[CRM_ACTIVITY_ID]', ''],
    ['ts', String(Math.floor(Date.now() / 1000))],
    ['auth[domain]', 'bench.bitrix24.ru'],
    ['auth[member_id]', portal?.memberId ?? ''],
    ['auth[application_token]', portal?.token ?? ''],
  ]).toString()
}

const total = Math.round(order.rate * order.seconds)
const latencies: number[] = []
const statuses: Record<string, number> = {}
let latestSendMs = 0
let open = 0
let sent = 0
const startedAt = performance.now() + 20
const done = Promise.withResolvers<void>()

async function send(index: number, dueAt: number): Promise<void> {
  open += 1
  let status = 'no answer'
  try {
    const answer = await pool.request({
      path: order.path,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form(index),
    })
    await answer.body.dump()
    status = String(answer.statusCode)
  } catch (error) {
    status = error instanceof Error ? error.name : status
  }
  latencies.push(performance.now() - dueAt)
  statuses[status] = (statuses[status] ?? 0) + 1
  open -= 1
  if (sent === total && open === 0) done.resolve()
}

const timer = setInterval(() => {
  const now = performance.now()
  for (; sent < total; sent += 1) {
    const dueAt = startedAt + (sent * 1000) / order.rate
    if (dueAt > now) return
    latestSendMs = Math.max(latestSendMs, now - dueAt)
    void send(sent, dueAt)
  }
  clearInterval(timer)
}, 1)
await done.promise
const tookSeconds = (performance.now() - startedAt) / 1000
await pool.destroy()
latencies.sort((a, b) => a - b)
const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
const result: LoadResult = {
  rate: order.rate,
  sent: total,
  answeredPerSecond: total / tookSeconds,
  notOk: total - (statuses['200'] ?? 0),
  statuses,
  p50Ms: at(0.5),
  p95Ms: at(0.95),
  p99Ms: at(0.99),
  maxMs: at(1),
  generatorLateMs: latestSendMs,
}
process.send?.(result)
process.disconnect()
