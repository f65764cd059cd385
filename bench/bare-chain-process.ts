// The ceiling of the pipeline: five BullMQ queues in a chain, each job the same requests to the same upstream by undici, and nothing else.
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Agent, request } from 'undici'

const order = JSON.parse(process.argv[2] ?? '') as {
  redisUrl: string
  apiUrl: string
  keys: readonly string[]
  calls: number
  /** Of one call, over its five jobs. */
  requests: number
}
const names = ['one', 'two', 'three', 'four', 'five']
const prefix = `bench-${process.pid}`
const agent = new Agent({ connections: 128 })
const connections: Redis[] = []
const connect = () => {
  const redis = new Redis(order.redisUrl, { maxRetriesPerRequest: null })
  connections.push(redis)
  return redis
}
const shared = connect()
const queues = names.map((name) => new Queue(name, { connection: shared, prefix }))
const endings: number[] = []
const done = Promise.withResolvers<void>()

const workers = names.map(
  (name, position) =>
    new Worker<{ call: number }>(
      name,
      async (job) => {
        const key = order.keys[job.data.call % order.keys.length] ?? ''
        const share =
          Math.floor((order.requests * (position + 1)) / names.length) -
          Math.floor((order.requests * position) / names.length)
        for (let n = 0; n < share; n += 1) {
          const answer = await request(`${order.apiUrl}/me`, { headers: { 'x-api-key': key }, dispatcher: agent })
          await answer.body.dump()
          if (answer.statusCode !== 200) throw new Error(`the upstream answered ${answer.statusCode}`)
        }
        const next = queues[position + 1]
        if (next !== undefined) await next.add('step', job.data)
        else if (endings.push(performance.now()) === order.calls) done.resolve()
      },
      // As many places as both workers of the program have together.
      { connection: connect(), prefix, concurrency: 40 },
    ),
)
await Promise.all(workers.map((worker) => worker.waitUntilReady()))
const cpuBefore = process.cpuUsage()
await queues[0]?.addBulk(Array.from({ length: order.calls }, (_, call) => ({ name: 'step', data: { call } })))
await done.promise
const { user, system } = process.cpuUsage(cpuBefore)
const [from, to] = [Math.floor(order.calls * 0.1), Math.floor(order.calls * 0.9)]
process.send?.({
  callsPerSecond: ((to - from) * 1000) / ((endings[to] ?? 0) - (endings[from] ?? 0)),
  cpuMsPerCall: (user + system) / 1000 / order.calls,
})
await Promise.all(workers.map((worker) => worker.close(true)))
for (const redis of connections) redis.disconnect()
process.disconnect()
process.exit(0)
