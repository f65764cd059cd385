import { afterEach, describe, expect, it } from 'vitest'
import {
  type AlertCause,
  decideAlerts,
  finishAlertMessage,
  listAlerts,
  takeAlertMessages,
} from '../../src/db/alerts.ts'
import { openRecord } from '../support/engine-bench.ts'
import { createClosers } from '../support/stores.ts'

const { add: later, closeAll } = createClosers()
afterEach(closeAll)

const probe = await openRecord('postgres', 'alerts on Postgres', { migrated: false })
await probe?.close()

const cause: AlertCause = { cause: 'c', kind: 'backlog', portalIds: [], sentence: 'It is so.', mend: 'Do this.' }

for (const kind of ['postgres', 'pglite'] as const) {
  describe.skipIf(kind === 'postgres' && probe === undefined)(`alerts on ${kind}`, () => {
    const open = async () => {
      const bench = await openRecord(kind, `alerts on ${kind}`)
      if (bench === undefined) throw new Error('the store was there a moment ago')
      later(() => bench.close())
      return await Promise.all(Array.from({ length: 5 }, async () => (await bench.connect()).db))
    }
    const decide =
      (causes: AlertCause[], channels = ['url', 'bot:p1']) =>
      async () => ({
        causes,
        channelsOf: () => channels,
      })

    it('are opened once and recovered once by many processes that decide at once', async () => {
      const processes = await open()
      const [db] = processes
      if (db === undefined) throw new Error('no process')
      const all = (causes: AlertCause[]) =>
        Promise.all([...processes, ...processes].map((one) => decideAlerts(one, 0, decide(causes))))
      const opened = (await all([cause])).filter((one) => one !== null)
      expect(opened.length).toBeGreaterThan(0)
      expect(opened.reduce((sum, one) => sum + one.opened, 0)).toBe(1)
      const over = (await all([])).filter((one) => one !== null)
      expect(over.reduce((sum, one) => sum + one.recovered, 0)).toBe(1)
      const [alert, ...others] = await listAlerts(db, { standing: false, limit: 10 })
      expect(others).toEqual([])
      expect(alert?.messages.map((one) => `${one.phase} ${one.channel}`)).toEqual([
        'opened bot:p1',
        'opened url',
        'recovered bot:p1',
        'recovered url',
      ])
    })

    it('hand each message to one process, and again only when that one has not finished in its time', async () => {
      const processes = await open()
      const [db] = processes
      if (db === undefined) throw new Error('no process')
      for (let n = 0; n < 7; n += 1) await decideAlerts(db, 60_000, decide([{ ...cause, cause: `c${n}` }], ['url']))
      const takes = (leaseMs: number) => Promise.all(processes.map((one) => takeAlertMessages(one, ['url'], leaseMs)))
      const taken = (await takes(60_000)).flat()
      expect(new Set(taken.map((message) => message.alertId)).size).toBe(7)
      expect(taken).toHaveLength(7)
      expect((await takes(60_000)).flat()).toEqual([])
      const [first, second] = taken
      if (first === undefined || second === undefined) throw new Error('nothing was taken')
      await finishAlertMessage(db, first, 'no', 0)
      await finishAlertMessage(db, second, 'yes', null)
      const [again, ...others] = (await takes(60_000)).flat()
      expect([again?.alertId, again?.tries, others]).toEqual([first.alertId, 2, []])
      // Whoever died with a message lets it become due again.
      await finishAlertMessage(db, first, 'no', 0)
      expect(await takeAlertMessages(db, ['url'], 0)).toHaveLength(1)
      expect(await takeAlertMessages(db, ['url'], 0)).toHaveLength(1)
      // A channel that is not set up any more keeps nobody busy.
      expect(await takeAlertMessages(db, ['bot:p1'], 0)).toEqual([])
    })

    it('tell a channel that is added later of what stands, and of an end only who heard of the beginning', async () => {
      const [db] = await open()
      if (db === undefined) throw new Error('no process')
      await decideAlerts(db, 0, decide([cause], []))
      expect(await takeAlertMessages(db, ['url'], 0)).toEqual([])
      await decideAlerts(db, 0, decide([{ ...cause, sentence: 'It is still so.' }], ['url']))
      await decideAlerts(db, 0, decide([], ['url', 'bot:p1']))
      const [opened, ...none] = await takeAlertMessages(db, ['url', 'bot:p1'], 60_000)
      expect([opened?.phase, opened?.sentence, none]).toEqual(['opened', 'It is still so.', []])
      if (opened === undefined) throw new Error('nothing was taken')
      await finishAlertMessage(db, opened, 'yes', null)
      expect((await takeAlertMessages(db, ['url', 'bot:p1'], 0)).map((one) => one.phase)).toEqual(['recovered'])
    })
  })
}
