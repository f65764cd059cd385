import { afterEach, describe, expect, test } from 'vitest'
import { startPostgres } from '../support/postgres.ts'
import { flushRedis, startRedis } from '../support/redis.ts'
import { type Service, startService } from '../support/service.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

const calls = Number(process.env['SCALE_OUT_CALLS'] ?? 300)
const portals = 20

const what = 'serve and two workers on Postgres and Redis'
const database = await freshDatabase(what)
const shared = await sharedRedis(what)

// Waits that a person would sit through are run at a tenth; the protocol's own (heartbeat, doubt) keep their proportions.
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  sweepMs: 500,
  lostJobMs: 2_000,
  doubtWaitMs: 6_500,
  retryDelaysMs: [200, 1_000, 3_000, 6_000, 10_000],
  recordingLadderMs: [500, 1_000, 2_000],
  reconcileMs: 4_000,
  permitMs: 500,
}

describe.skipIf(database === undefined || shared === undefined)(what, () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  async function start(): Promise<{ service: Service; redisUrl: string }> {
    const postgres = await startPostgres({ own: true })
    closers.add(() => postgres.stop())
    const redis = await startRedis({ own: true })
    closers.add(() => redis.stop())
    const service = await startService({ databaseUrl: postgres.url, redisUrl: redis.url, portals, workers: 2, timings })
    closers.add(() => service.close())
    await service.ready()
    return { service, redisUrl: redis.url }
  }

  /** Rings all calls, each event sent twice, and waits until every call that the portals know has its entry. */
  async function ringAll(service: Service): Promise<() => Promise<void>> {
    const [recording] = await service.sandbox.world.sound.recordings()
    const rung = await service.sandbox.addCalls({
      count: calls,
      portals: service.portals,
      entity: 'deal',
      sendEvent: false,
      ...(recording === undefined ? {} : { recordingId: recording.id }),
    })
    const twice = rung.flatMap((call) => [call.eventForm, call.eventForm])
    const lanes = Array.from({ length: 20 }, (_, lane) => twice.filter((_form, index) => index % 20 === lane))
    const posted = Promise.all(
      lanes.map(async (forms) => {
        for (const form of forms) await service.post(form)
      }),
    )
    return async () => {
      await posted
    }
  }

  async function allWritten(service: Service, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const ended = await service.db
        .selectFrom('callsift.runs')
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .where('state', '=', 'done')
        .executeTakeFirstOrThrow()
      if (Number(ended.count) >= calls) return
      if (performance.now() > deadline) {
        const steps = await service.db
          .selectFrom('callsift.steps')
          .select(['run_id', 'name', 'state', 'class', 'message', 'attempts', 'laters', 'due_at'])
          .where('state', '<>', 'done')
          .execute()
        throw new Error(
          `only ${ended.count} of ${calls} runs ended; open steps: ${JSON.stringify(steps.slice(0, 20), null, 1)}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  function expectOneEntryEach(service: Service): void {
    const entries = service.sandbox.effects(0, 'timeline-log')
    const byDeal = new Map<string, number>()
    for (const entry of entries) {
      const target = `${entry.portal} ${JSON.stringify(entry.detail['entityId'])}`
      byDeal.set(target, (byDeal.get(target) ?? 0) + 1)
    }
    expect([...byDeal.values()].filter((count) => count !== 1)).toEqual([])
    expect(entries).toHaveLength(calls)
  }

  test(`${calls} webhooks, each twice, give exactly ${calls} entries`, async () => {
    const { service } = await start()
    await (await ringAll(service))()
    await allWritten(service, 120_000)
    expectOneEntryEach(service)
  }, 180_000)

  test('the same with kill -9 of a random process every 1 to 3 s', async () => {
    const { service } = await start()
    const posted = await ringAll(service)
    let killing = true
    let kills = 0
    const storm = (async () => {
      for (let turn = 0; killing; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1_000 + ((turn * 7919) % 2_000)))
        const victim = service.processes[(turn * 31 + 1) % service.processes.length]
        if (!killing || victim === undefined) break
        await service.kill(victim)
        service.restart(victim)
        kills += 1
      }
    })()
    const stop = setTimeout(() => {
      killing = false
    }, 30_000)
    try {
      await posted()
      await allWritten(service, 150_000)
    } finally {
      clearTimeout(stop)
      killing = false
      await storm
    }
    expect(kills).toBeGreaterThan(3)
    expectOneEntryEach(service)
  }, 240_000)

  test('the same with Redis emptied in the middle', async () => {
    const { service, redisUrl } = await start()
    const posted = await ringAll(service)
    await posted()
    await flushRedis(redisUrl)
    await allWritten(service, 120_000)
    expectOneEntryEach(service)
  }, 180_000)
})
