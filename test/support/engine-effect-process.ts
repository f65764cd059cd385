import { request } from 'undici'
import { openDatabase } from '../../src/db/connect.ts'
import { writeOnce } from '../../src/engine/effects.ts'
import { createLog } from '../../src/log.ts'

/**
 * A worker process to be killed in the middle of a write. Arguments: database, address of the upstream, what it stops at
 * (`send`: the intent is stamped, nothing has left; `settle`: the upstream has answered, nothing is stored), and the claim.
 */
const [, , databaseUrl = '', upstream = '', stopAt = '', claim = '{}'] = process.argv
const { db } = await openDatabase({ databaseUrl }, createLog('silent'))
const halt = async () => {
  process.send?.('there')
  await new Promise(() => undefined)
}
await writeOnce(
  db,
  JSON.parse(claim),
  {
    key: 'call 1 timeline 1',
    kind: 'timeline',
    intentNo: 1,
    marker: 'ref: one',
    target: { deal: 1 },
    send: async () => {
      if (stopAt === 'send') await halt()
      const answer = await request(`${upstream}/entries`, { method: 'POST', body: 'ref: one' })
      const id = await answer.body.text()
      await halt()
      return id
    },
    readBack: async () => null,
  },
  { doubtWaitMs: 1_000 },
)
