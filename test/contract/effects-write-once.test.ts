import { fork } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { request } from 'undici'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { type Write, type Written, writeOnce } from '../../src/engine/effects.ts'
import { Later, Permanent, Retry } from '../../src/errors.ts'
import { emptyRecord, openRecord } from '../support/engine-bench.ts'

type Reply = (response: ServerResponse, apply: () => string) => void
const doubtWaitMs = 400
const limits = { doubtWaitMs }

/** A timeline on a real server: entries cannot be deleted, and the reply to each POST is scripted apart from whether it is applied. */
async function startTimeline() {
  const entries: { id: string; text: string }[] = []
  const posts: number[] = []
  let reply: Reply = (response, apply) => response.end(apply())
  let readable = true
  const server = createServer(async (incoming, response) => {
    if (incoming.method === 'POST') {
      posts.push(performance.now())
      const text = await readText(incoming)
      reply(response, () => {
        entries.push({ id: String(entries.length + 1), text })
        return String(entries.length)
      })
    } else if (readable) response.end(JSON.stringify(entries))
    else response.writeHead(502).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    entries,
    posts,
    answer: (next: Reply) => {
      reply = next
    },
    readable: (is: boolean) => {
      readable = is
    },
    reset: () => {
      entries.length = 0
      posts.length = 0
      readable = true
      reply = (response, apply) => response.end(apply())
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const timeline = await startTimeline()
afterAll(() => timeline.close())

/** The failures as the client tells them: `doubt` where the write may have happened. */
function doubtful(message: string, doubt: boolean): Retry {
  return Object.assign(new Retry('network', { message }), { failure: { doubt } })
}

function write(changes: Partial<Write> = {}): Write {
  return {
    key: 'call 1 timeline 1',
    kind: 'timeline',
    intentNo: 1,
    marker: 'ref: one',
    target: { deal: 1 },
    send: async () => {
      let status = 0
      try {
        const answer = await request(`${timeline.url}/entries`, {
          method: 'POST',
          body: 'ref: one',
          headersTimeout: 150,
        })
        status = answer.statusCode
        const body = await answer.body.text()
        if (status === 200) return body
      } catch (error) {
        throw doubtful(String(error), true)
      }
      if (status === 400)
        throw Object.assign(new Permanent('bad_request', { message: 'no' }), { failure: { doubt: false } })
      if (status === 429) throw new Later(10, 'rate_limited', { message: 'later' })
      throw doubtful(`status ${status}`, true)
    },
    readBack: async () => {
      const answer = await request(`${timeline.url}/entries`)
      if (answer.statusCode !== 200) throw new Retry('bad_gateway', { message: 'no' })
      const entries = (await answer.body.json()) as { id: string; text: string }[]
      return entries.find((entry) => entry.text.includes('ref: one'))?.id ?? null
    },
    ...changes,
  }
}

const applied: Record<string, Reply> = {
  'answers 500': (response, apply) => {
    apply()
    response.writeHead(500).end()
  },
  'resets the connection': (response, apply) => {
    apply()
    response.destroy()
  },
  'says nothing until the time is out': (_response, apply) => {
    apply()
  },
  'breaks off in the middle of its answer': (response, apply) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write(apply(), () => response.destroy())
  },
}
const notApplied: Record<string, Reply> = {
  'answers 502': (response) => response.writeHead(502).end(),
  'resets the connection': (response) => response.destroy(),
}

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `effects on ${kind}`)
  describe.skipIf(bench === undefined)(`a write that cannot be repeated, on ${kind}`, () => {
    const db = bench?.db as Database
    const claim = { runId: '1', stepId: '1', portalId: 'p1', fence: 1 }
    beforeEach(async () => {
      await emptyRecord(db)
      timeline.reset()
    })
    afterAll(() => bench?.close())

    /** Attempts as the engine makes them: put off, and due again after the wait. */
    const persist = async (
      over: Database = db,
      fence = 1,
      one: Write = write(),
    ): Promise<{ written: Written; laters: Later[] }> => {
      const laters: Later[] = []
      for (;;) {
        try {
          return { written: await writeOnce(over, { ...claim, fence }, one, limits), laters }
        } catch (error) {
          if (!(error instanceof Later)) throw error
          laters.push(error)
          await new Promise((resolve) => setTimeout(resolve, error.delayMs))
        }
      }
    }
    const stored = async () =>
      await db.selectFrom('callsift.effects').select(['state', 'external_id', 'sent_at']).executeTakeFirstOrThrow()

    it('sends once, stores the id, and keeps what stands when it is asked again', async () => {
      expect((await persist()).written).toEqual({ externalId: '1', how: 'written' })
      expect(await stored()).toMatchObject({ state: 'written', external_id: '1' })
      expect((await persist(db, 2)).written).toEqual({ externalId: '1', how: 'kept' })
      expect(timeline.posts).toHaveLength(1)
    })

    for (const [name, reply] of Object.entries(applied)) {
      it(`finds what was written by an upstream that ${name}`, async () => {
        timeline.answer(reply)
        const { written, laters } = await persist()
        expect(written).toEqual({ externalId: '1', how: 'found' })
        expect(laters).toEqual([])
        expect(timeline.posts).toHaveLength(1)
        expect(timeline.entries).toHaveLength(1)
      })
    }

    for (const [name, reply] of Object.entries(notApplied)) {
      it(`sends again, once, and not before the doubt has had its time, where nothing was written by one that ${name}`, async () => {
        timeline.answer(reply)
        await expect(writeOnce(db, claim, write(), limits)).rejects.toMatchObject({
          class: 'write_in_doubt',
          delayMs: doubtWaitMs,
        })
        timeline.answer((response, apply) => response.end(apply()))
        const { sent_at: first } = await stored()
        await expect(writeOnce(db, claim, write(), limits)).rejects.toMatchObject({ class: 'write_in_doubt' })
        expect(timeline.posts).toHaveLength(1)
        expect((await persist()).written).toEqual({ externalId: '1', how: 'written' })
        expect(timeline.posts).toHaveLength(2)
        // By the record's own clock, which the doubt is counted by.
        const { sent_at: second } = await stored()
        expect((second?.getTime() ?? 0) - (first?.getTime() ?? Number.NaN)).toBeGreaterThanOrEqual(doubtWaitMs)
        expect(timeline.entries).toHaveLength(1)
      })
    }

    it('does not send again what is applied late, within the time that a doubt is given', async () => {
      timeline.answer((response, apply) => {
        response.destroy()
        setTimeout(apply, doubtWaitMs * 0.6)
      })
      const { written, laters } = await persist()
      expect(laters.length).toBeGreaterThan(0)
      expect(written.how).toBe('found')
      expect(timeline.entries).toHaveLength(1)
    })

    it('does not send while it cannot be looked whether the first try was written', async () => {
      timeline.answer((response, apply) => {
        apply()
        response.destroy()
      })
      timeline.readable(false)
      await expect(writeOnce(db, claim, write(), limits)).rejects.toBeInstanceOf(Later)
      await new Promise((resolve) => setTimeout(resolve, doubtWaitMs))
      await expect(writeOnce(db, claim, write(), limits)).rejects.toMatchObject({ class: 'write_in_doubt' })
      timeline.readable(true)
      expect((await persist()).written).toEqual({ externalId: '1', how: 'found' })
      expect(timeline.posts).toHaveLength(1)
    })

    it('looks where the first try wrote to, also when the target is another by now', async () => {
      timeline.answer((response, apply) => {
        apply()
        response.destroy()
      })
      timeline.readable(false)
      await expect(writeOnce(db, claim, write(), limits)).rejects.toBeInstanceOf(Later)
      timeline.readable(true)
      const targets: unknown[] = []
      const moved = write({ target: { deal: 2 } })
      const looking = {
        ...moved,
        readBack: (sentAt: Date, target: unknown) => {
          targets.push(target)
          return moved.readBack(sentAt, target)
        },
      }
      expect((await persist(db, 2, looking)).written.how).toBe('found')
      expect(targets).toEqual([{ deal: 1 }])
    })

    it('has no doubt after a definite refusal or when nothing was sent: the next attempt sends at once', async () => {
      for (const status of [400, 429]) {
        timeline.answer((response) => response.writeHead(status).end())
        await expect(writeOnce(db, claim, write(), limits)).rejects.toMatchObject({
          class: status === 400 ? 'bad_request' : 'rate_limited',
        })
        expect(await stored()).toEqual({ state: 'intent', external_id: null, sent_at: null })
      }
      timeline.answer((response, apply) => response.end(apply()))
      expect(await writeOnce(db, claim, write(), limits)).toEqual({ externalId: '1', how: 'written' })
    })

    it('lets one of two attempts that race send, and the other finds or keeps it', async () => {
      const pools = await Promise.all([0, 1, 2, 3].map(async () => (await bench?.connect())?.db ?? db))
      for (let round = 0; round < 8; round += 1) {
        await emptyRecord(db)
        timeline.reset()
        timeline.answer((response, apply) => setTimeout(() => response.end(apply()), 20))
        const all = await Promise.all(pools.map((pool, n) => persist(pool, n + 1)))
        expect(all.filter(({ written }) => written.how === 'written')).toHaveLength(1)
        expect(timeline.posts).toHaveLength(1)
        expect(timeline.entries).toHaveLength(1)
      }
    })

    it('is told how soon the bytes must have left', async () => {
      const before = performance.now()
      let notAfter = 0
      const send = async (moment: number) => {
        notAfter = moment
        return 'x'
      }
      await persist(db, 1, write({ send }))
      expect(notAfter - before).toBeGreaterThan(1_000)
      expect(notAfter - before).toBeLessThan(10_000)
    })

    it('writes again only under another intent', async () => {
      await persist()
      const again = write({ key: 'call 1 timeline 2', intentNo: 2 })
      expect((await persist(db, 2, again)).written).toEqual({ externalId: '2', how: 'written' })
      expect(timeline.entries).toHaveLength(2)
    })

    // A process of its own needs a server: PGlite lives and dies with the process that owns it.
    if (kind === 'postgres') {
      it.each([
        ['before the bytes left', 'send', 'written', 1],
        ['after the upstream had answered', 'settle', 'found', 1],
      ] as const)('survives a process killed %s', async (_name, stopAt, how, count) => {
        const script = fileURLToPath(new URL('../support/engine-effect-process.ts', import.meta.url))
        const child = fork(script, [bench?.url ?? '', timeline.url, stopAt, JSON.stringify(claim)], {
          execArgv: ['--import', 'tsx'],
        })
        await new Promise((resolve) => child.once('message', resolve))
        const ended = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        await ended
        expect(await stored()).toMatchObject({ state: 'sent', external_id: null })
        const { written, laters } = await persist(db, 2)
        expect(written.how).toBe(how)
        expect(laters.every((later) => later.class === 'write_in_doubt')).toBe(true)
        expect(timeline.entries).toHaveLength(count)
        expect(timeline.posts).toHaveLength(1)
      })
    }

    it('survives the record going away after the upstream has answered', async () => {
      let away = false
      const failing = db.withPlugin({
        transformQuery: ({ node }) => {
          if (away) throw Object.assign(new Error('the record is away'), { code: '57P01' })
          return node
        },
        transformResult: async ({ result }) => result,
      })
      const one = write()
      const leaving = {
        ...one,
        send: async (notAfter: number) => {
          const id = await one.send(notAfter)
          away = true
          return id
        },
      }
      await expect(writeOnce(failing, claim, leaving, limits)).rejects.toThrow('the record is away')
      expect((await persist(db, 2)).written).toEqual({ externalId: '1', how: 'found' })
      expect(timeline.posts).toHaveLength(1)
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from callsift.effects`.execute(db)
      expect(rows).toEqual([{ count: 1 }])
    })
  })
}
