import { fileURLToPath } from 'node:url'
import { type Measured, startNode, type Usage } from './processes.ts'

export interface LoadOrder {
  readonly origin: string
  readonly path: string
  readonly portals: readonly { readonly memberId: string; readonly token: string }[]
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  /** How many calls are told of, again and again; undefined = each request tells of its own. */
  readonly distinct?: number
  /** Part of every call's id, so that no two loads tell of the same call. */
  readonly run: string
}

/** Latencies count from the moment a request was due. */
export interface LoadResult {
  readonly rate: number
  readonly sent: number
  readonly answeredPerSecond: number
  readonly notOk: number
  readonly statuses: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** How late the generator itself sent its latest request: on a machine that is busy, part of the latencies is its own. */
  readonly generatorLateMs: number
}

export interface LoadUsage extends LoadResult {
  readonly cpuMsPerRequest: number
  readonly rssMb: number
  readonly loopP99Ms: number
  readonly loopMaxMs: number
}

const generator = fileURLToPath(new URL('load-process.ts', import.meta.url))
let loads = 0

export async function load(server: Measured, order: Omit<LoadOrder, 'run'>): Promise<LoadUsage> {
  loads += 1
  const before = await server.usage()
  const run = `bench.${process.pid}.${Date.now()}.${loads}`
  const sender = startNode(generator, [JSON.stringify({ ...order, run } satisfies LoadOrder)])
  try {
    const result = await sender.answer<LoadResult>()
    return { ...result, ...spent(before, await server.usage(), result.sent) }
  } finally {
    await sender.stop()
  }
}

function spent(before: Usage, after: Usage, requests: number) {
  const { rssMb, loopP99Ms, loopMaxMs } = after
  return { cpuMsPerRequest: (after.cpuMs - before.cpuMs) / requests, rssMb, loopP99Ms, loopMaxMs }
}
