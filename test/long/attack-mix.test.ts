import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { loadavg } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Pool, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'
import type { Posted, Posting } from '../support/webhook-poster.ts'

/** How long it is attacked and measured; ATTACK_SECONDS=15 is the short form. */
const seconds = Number(process.env['ATTACK_SECONDS'] ?? 60)
const [slowSockets, badPerSecond, goodPerSecond, bombs] = [500, 200, 20, 20]
/** Before it, for comparison: whatever else the machine does slows both. */
const calmSeconds = 6
const mostMs = 200
const mostTimesCalm = 4
/** A head that takes longer is closed. */
const closedWithinMs = 15_000

const what = 'an attack on serve with its worker, on Postgres and Redis'
const database = await freshDatabase(what)
const redisUrl = await sharedRedis(what)
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Carries out `act` so many times a second, whether or not the one before has ended; each is told when it should have begun. */
async function atRate(perSecond: number, forSeconds: number, act: (n: number, dueAt: number) => Promise<void>) {
  const [startedAt, running] = [performance.now(), [] as Promise<void>[]]
  for (let n = 0; n < perSecond * forSeconds; n += 1) {
    const dueAt = startedAt + (n * 1_000) / perSecond
    const wait = dueAt - performance.now()
    if (wait > 0) await pause(wait)
    running.push(act(n, dueAt))
  }
  await Promise.all(running)
}

/** Each attacker has an address of its own: one alone would be shut out after thirty bad tokens. */
const addressOf = (n: number) => `127.0.${1 + Math.floor(n / 200)}.${2 + (n % 200)}`

describe.skipIf(database === undefined || redisUrl === undefined)(what, () => {
  const closers = createClosers()
  let service: Service
  let pool: Pool
  beforeAll(async () => {
    closers.add(() => database?.drop())
    service = await startService({
      databaseUrl: database?.url ?? '',
      redisUrl,
      portals: 2,
      workers: 0,
      serveWorks: true,
    })
    closers.add(() => service.close())
    await service.ready()
    pool = new Pool(service.origin, { connections: 20 })
    closers.add(() => pool.close())
  })
  afterAll(() => closers.closeAll())

  const send = async (through: Pool, body: string): Promise<number> => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await through.request({ path: '/webhooks/bitrix24', method: 'POST', headers, body })
    await answer.body.dump()
    return answer.statusCode
  }

  /** A thread of its own, which the sandbox in this one does not hold up; the answer begins it. */
  async function preparePoster(forms: readonly string[]): Promise<() => Promise<Posted>> {
    const workerData: Posting = { origin: service.origin, forms, perSecond: goodPerSecond }
    const script = new URL('../support/webhook-poster.ts', import.meta.url)
    const thread = new Worker(script, { workerData, execArgv: ['--import', 'tsx'] })
    await once(thread, 'message')
    return async () => {
      thread.postMessage('begin')
      const [posted] = (await once(thread, 'message')) as [Posted]
      return posted
    }
  }

  /** Holds `slowSockets` connections whose heads come a byte a second; one that is closed is opened anew. */
  function dripSlowly() {
    const head = `POST /webhooks/bitrix24 HTTP/1.1\r\nHost: x\r\nX-Slow: ${'a'.repeat(2_000)}`
    const open = new Set<Socket>()
    const lives: number[] = []
    let over = false
    const hold = (n: number): void => {
      if (over) return
      const { hostname, port } = new URL(service.origin)
      const socket = connect({ host: hostname, port: Number(port), localAddress: addressOf(n) })
      const openedAt = performance.now()
      let sent = 0
      const drip = setInterval(() => socket.writable && socket.write(head[sent++] ?? 'a'), 1_000)
      socket.on('error', () => undefined).resume()
      socket.once('close', () => {
        clearInterval(drip)
        open.delete(socket)
        if (!over) lives.push(performance.now() - openedAt)
        hold(n)
      })
      open.add(socket)
    }
    for (let n = 0; n < slowSockets; n += 1) hold(n)
    return {
      lives,
      async end() {
        over = true
        const ends = [...open].map((socket) => once(socket, 'close'))
        for (const socket of open) socket.destroy()
        await Promise.all(ends)
      },
    }
  }

  async function postBadTokens(form: string): Promise<Map<number, number>> {
    const wrong = form.replace(/(application_token[^=]*=)[^&]*/, '$1not-the-token')
    expect(wrong).not.toBe(form)
    const answered = new Map<number, number>()
    const pools = Array.from(
      { length: 50 },
      (_, n) => new Pool(service.origin, { connections: 4, localAddress: addressOf(n) }),
    )
    await atRate(badPerSecond, seconds, async (n) => {
      const status = await send(pools[n % pools.length] as Pool, wrong).catch(() => 0)
      answered.set(status, (answered.get(status) ?? 0) + 1)
    })
    await Promise.all(pools.map((one) => one.destroy()))
    return answered
  }

  /** Recordings of more than an hour, all events at once; none is ever heard, so that this process is not busy with them. */
  async function dropBombs(): Promise<string[]> {
    const tones = readFileSync(new URL('../fixtures/audio/tones-16000-16k.mp3', import.meta.url))
    const hour = Buffer.concat(Array.from({ length: 210 }, () => tones))
    const portal = service.portals[1] ?? ''
    service.sandbox.addFault({ route: 'transcription', portal, kind: 'slow', delayMs: 600_000, times: 10_000 })
    const forms: string[] = []
    for (let n = 0; n < bombs; n += 1) {
      const base64 = Buffer.concat([hour, Buffer.from(`bomb ${n}`)]).toString('base64')
      const call = await service.sandbox.addCall({ portal, entity: 'deal', sendEvent: false, upload: { base64 } })
      forms.push(call.eventForm)
    }
    return forms
  }
  const untilWritten = async (count: number) => {
    while (service.sandbox.effects(0, 'timeline-log').length < count) await pause(100)
  }
  const planning = async () => {
    const steps = await service.db
      .selectFrom('callsift.steps')
      .innerJoin('callsift.runs', 'callsift.runs.id', 'callsift.steps.run_id')
      .select(['callsift.steps.state'])
      .where('name', '=', 'planAudio')
      .where('callsift.runs.portal_id', '=', service.portals[1] ?? '')
      .execute()
    return steps.filter((step) => step.state === 'running' || step.state === 'dispatched').length
  }

  test(
    'LD12 500 slow sockets, 200 bad tokens a second and 20 audio bombs leave good webhooks a p99 of 200 ms, and every one its 200',
    async () => {
      const [recording] = await service.sandbox.world.sound.recordings()
      const calls = await service.sandbox.addCalls({
        count: goodPerSecond * (seconds + calmSeconds) + 20,
        portals: [service.portals[0] ?? ''],
        entity: 'deal',
        sendEvent: false,
        ...(recording === undefined ? {} : { recordingId: recording.id }),
      })
      const bombForms = await dropBombs()
      // Sources are compiled, threads started and connections opened by the first calls; that is not what is measured.
      const warm = calls.splice(0, 20)
      for (const call of warm) expect(await send(pool, call.eventForm)).toBe(200)
      await untilWritten(warm.length)
      const calm = await (
        await preparePoster(calls.splice(0, goodPerSecond * calmSeconds).map((call) => call.eventForm))
      )()
      const postGood = await preparePoster(calls.map((call) => call.eventForm))

      const slow = dripSlowly()
      const [first] = calls
      const bad = postBadTokens(first?.eventForm ?? '')
      for (const form of bombForms) expect(await send(pool, form)).toBe(200)
      let mostAtWork = 0
      const watching = setInterval(() => {
        void planning().then((now) => {
          mostAtWork = Math.max(mostAtWork, now)
        })
      }, 1_000)
      const { statuses: good, times, ownDelayMs } = await postGood()
      clearInterval(watching)
      const answered = await bad
      await slow.end()

      const figures = {
        seconds,
        load: loadavg().map((one) => Number(one.toFixed(1))),
        good,
        goodMs: [0.5, 0.95, 0.99, 1].map((share) => Math.round(quantile(times, share))),
        calmMs: [0.5, 0.95, 0.99, 1].map((share) => Math.round(quantile(calm.times, share))),
        worstAtSecond: Math.round(times.indexOf(Math.max(...times)) / goodPerSecond),
        generatorDelayMs: Math.round(ownDelayMs),
        bad: Object.fromEntries(answered),
        slowClosed: slow.lives.length,
        slowLongestMs: Math.round(Math.max(0, ...slow.lives)),
        bombsAtWork: mostAtWork,
      }
      process.stdout.write(`LD12 ${JSON.stringify(figures)}\n`)
      expect(Object.keys(figures.good)).toEqual(['200'])
      // On a machine that is busy with other things as well, what is lost to the attack counts.
      expect(quantile(times, 0.99)).toBeLessThanOrEqual(Math.max(mostMs, mostTimesCalm * quantile(calm.times, 0.99)))
      // The first thirty a minute of an address are looked at; all others are turned away unread.
      expect(Object.keys(figures.bad).every((status) => status === '401' || status === '429')).toBe(true)
      expect(Math.max(0, ...slow.lives)).toBeLessThan(closedWithinMs + 2_000)
      if (seconds > 20) expect(slow.lives.length).toBeGreaterThanOrEqual(slowSockets)
      expect(mostAtWork).toBeGreaterThan(0)
      const answer = await request(`${service.origin}/readyz`)
      expect(answer.statusCode, await answer.body.text()).toBe(200)
    },
    (seconds * 4 + 180) * 1_000,
  )
})
