import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { saveBot } from '../../src/db/bots.ts'
import { type Service, startService } from '../support/service.ts'
import { freshDatabase, sharedRedis } from '../support/stores.ts'

const what = 'a chat bot whose workers are killed'
const [database, redisUrl] = [await freshDatabase(what), await sharedRedis(what)]
const messages = Number(process.env['MESSAGES'] ?? 120)
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  sweepMs: 500,
  lostJobMs: 2_000,
  permitMs: 500,
  retryDelaysMs: [200, 1_000, 3_000],
  doubtWaitMs: 5_000,
  writeDeadlineMs: 3_000,
  botPollMs: 200,
}

/** A bot in the sandbox's portal, set up as `bot add` would. */
async function addBot(service: Service): Promise<number> {
  const portal = service.sandbox.world.portal('portal-0')
  const bot = { id: 7, code: 'callsift', name: 'Callsift', type: 'personal', eventMode: 'fetch' }
  portal.bots.set(7, { ...bot, events: [], messages: [], storedOffset: 0, typing: 0 })
  await saveBot(service.db, { portalId: 'portal-0', botId: 7, ...bot, settings: { perUserHour: 1_000 } })
  return 7
}

describe.skipIf(database === undefined || redisUrl === undefined)(what, () => {
  test(`${messages} messages are answered once each, whatever dies`, async () => {
    const service = await startService({ databaseUrl: database?.url ?? '', redisUrl, portals: 1, workers: 2, timings })
    try {
      await service.ready()
      const { sandbox } = service
      const botId = await addBot(service)
      sandbox.addFault({ route: 'bots.messages', kind: 'after', how: 'reset', every: 11 })
      sandbox.addFault({ route: 'bots.events', kind: 'status', status: 502, every: 7 })
      const said = sandbox.world.portal('portal-0').bots.get(botId)?.messages ?? []
      const deadline = performance.now() + 240_000
      let kills = 0
      for (let written = 0; said.length < messages; ) {
        if (performance.now() > deadline) throw new Error(`${said.length} of ${messages} answers after ${kills} kills`)
        for (let n = 0; n < 5 && written < messages; n += 1, written += 1)
          sandbox.writeToBot({ portal: 'portal-0', botId, userId: 100 + (written % 10), text: `Question ${written}.` })
        await new Promise((resolve) => setTimeout(resolve, 1_000))
        if (written >= messages && kills > 8) continue
        const victim = service.processes[kills % service.processes.length]
        if (victim === undefined) throw new Error('nobody to kill')
        await service.kill(victim)
        service.restart(victim)
        kills += 1
      }
      await new Promise((resolve) => setTimeout(resolve, 8_000))
      const questions = said.map((one) => /Question \d+/.exec(one.message)?.[0])
      expect(said).toHaveLength(messages)
      expect(new Set(questions).size).toBe(messages)
      // In each dialogue in the order of the questions.
      for (let user = 100; user < 110; user += 1) {
        const own = said
          .filter((one) => one.dialogId === String(user))
          .map((one) => Number(/Question (\d+)/.exec(one.message)?.[1]))
        expect(own).toEqual(own.toSorted((one, other) => one - other))
      }
      const runs = await sql<{ state: string; n: number }>`select state, count(*)::int as n from callsift.runs
        where workflow = 'answerMessage' group by state`.execute(service.db)
      expect(runs.rows).toEqual([{ state: 'done', n: messages }])
      expect(kills).toBeGreaterThan(3)
    } finally {
      await service.close()
    }
  }, 300_000)
})
