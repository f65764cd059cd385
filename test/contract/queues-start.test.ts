import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { createQueues } from '../../src/engine/queues.ts'
import { createLog } from '../../src/log.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const database = await freshDatabase('queues that start together on Postgres')

describe.skipIf(database === undefined)('queues on one Postgres', () => {
  const closers = createClosers()
  afterAll(() => closers.closeAll())

  test('may start at the same moment on an empty database: each lays the tables, or finds them', async () => {
    const log = createLog('silent')
    const opened = await Promise.allSettled(
      Array.from({ length: 6 }, async () => {
        const connection = await openDatabase({ databaseUrl: database?.url ?? '' }, log)
        closers.add(() => connection.close())
        const queues = await createQueues({ kind: 'postgres', pool: connection.pool, log })
        closers.add(() => queues.close())
      }),
    )
    expect(opened.filter((one) => one.status === 'rejected')).toEqual([])
  })
})
