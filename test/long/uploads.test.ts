import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import { request } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import { createToken } from '../../src/db/tokens.ts'
import { startService } from '../support/service.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const what = 'an upload of 199 MB to Postgres'
const database = await freshDatabase(what)
const megabyte = 1024 * 1024

/** Resident memory of a process, bytes. */
const memoryOf = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

describe.skipIf(database === undefined)(what, () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  test('is stored in rows of 256 KiB while it comes, in flat memory', async () => {
    const service = await startService({ databaseUrl: database?.url ?? '', portals: 1, workers: 0 })
    closers.add(() => service.close())
    await service.ready()
    const { token } = await createToken(service.db, 'long')
    const pid = service.processes[0]?.child.pid ?? 0
    const send = async (megabytes: number) => {
      const chunk = randomBytes(megabyte)
      const head = Buffer.from(
        '--x\r\nContent-Disposition: form-data; name="file"; filename="long.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n',
      )
      const tail = Buffer.from('\r\n--x--\r\n')
      const answer = await request(`${service.origin}/api/v1/calls`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'multipart/form-data; boundary=x',
          'content-length': String(head.length + megabytes * megabyte + tail.length),
        },
        body: Readable.from(
          (function* () {
            yield head
            for (let n = 0; n < megabytes; n += 1) yield chunk
            yield tail
          })(),
        ),
        headersTimeout: 120_000,
      })
      return { status: answer.statusCode, text: await answer.body.text() }
    }
    // Once, so that what the first upload loads is not counted.
    expect((await send(4)).status).toBe(202)
    const before = memoryOf(pid)
    let most = before
    const watching = setInterval(() => {
      most = Math.max(most, memoryOf(pid))
    }, 50)
    const { status, text } = await send(199).finally(() => clearInterval(watching))
    expect(text).toContain('"outcome":"accepted"')
    expect(status).toBe(202)
    const { rows } = await sql<{ rows: number; longest: number }>`
      select count(*)::int as rows, max(length(data))::int as longest from callsift.upload_chunks
      where upload_id = (select max(id) from callsift.uploads)`.execute(service.db)
    expect(rows[0]).toEqual({ rows: 199 * 4, longest: 256 * 1024 })
    process.stderr.write(`199 MB took ${((most - before) / megabyte).toFixed(0)} MB of memory\n`)
    expect(most - before).toBeLessThan(96 * megabyte)
  }, 240_000)
})
