import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { startProgram } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

const what = 'the jobs of one call on Redis'
const database = await freshDatabase(what)
const redis = await sharedRedis(what)

/** What BullMQ itself recorded: its event stream keeps added, active and completed also of jobs that are removed. */
async function readEvents(redisUrl: string, queue: string): Promise<{ event: string; at: number; order: number }[]> {
  const client = new Redis(redisUrl)
  try {
    const entries = await client.xrange(`callsift:${queue}:events`, '-', '+')
    return entries
      .map(([id, fields]) => {
        const [ms = '0', order = '0'] = id.split('-')
        return { event: fields[fields.indexOf('event') + 1] ?? '', at: Number(ms), order: Number(order) }
      })
      .filter(({ event }) => ['added', 'active', 'completed'].includes(event))
  } finally {
    client.disconnect()
  }
}

describe.skipIf(database === undefined || redis === undefined)(what, () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  test('are locate, plan, transcribe, merge and classify, timeline, in this order, one job each', async () => {
    const own = await startRedis({ own: true })
    closers.add(() => own.stop())
    const program = await startProgram({
      env: { DATABASE_URL: database?.url ?? '', REDIS_URL: own.url },
    })
    closers.add(() => program.close())
    const [recording] = await program.sandbox.world.sound.recordings()
    const call = await program.sandbox.addCall({
      portal: 'acme',
      recordingId: recording?.id ?? '',
      entity: 'deal',
      sendEvent: false,
    })
    const { runId } = await program.app.intake.accept({
      portalId: 'acme',
      source: 'event',
      callRef: call.callId,
      masked: {},
    })
    await program.until(async () => {
      const run = await program.app.db
        .selectFrom('callsift.runs')
        .select('state')
        .where('id', '=', runId)
        .executeTakeFirstOrThrow()
      return run.state === 'done'
    })
    const queues = ['locate', 'plan', 'transcribe', 'classify', 'timeline']
    const events = await program.until(async () => {
      const read = await Promise.all(queues.map((queue) => readEvents(own.url, queue)))
      return read.every((list) => list.some(({ event }) => event === 'completed')) ? read : null
    })
    const jobs = events.map((list) => list.map(({ event }) => event))
    const once = ['added', 'active', 'completed']
    // Putting the parts together waits in the queue of the step after it (workers/steps/merge-transcript.ts).
    expect(jobs).toEqual(queues.map((queue) => (queue === 'classify' ? [...once, ...once] : once)))
    const added = events.map((list) => list[0]?.at ?? 0)
    const active = events.map((list) => list[1]?.at ?? 0)
    expect(added).toEqual([...added].sort((a, b) => a - b))
    expect(active).toEqual([...active].sort((a, b) => a - b))
    // The next step's job is created by the transaction that stores the one before, so never before that one was at work.
    for (let n = 1; n < queues.length; n += 1) expect(added[n]).toBeGreaterThanOrEqual(active[n - 1] ?? 0)
    expect(program.sandbox.effects(0, 'timeline-log')).toHaveLength(1)
  })
})
