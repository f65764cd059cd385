import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, openWindow } from '../support/browser.ts'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'
import { needsPrograms } from '../support/needs.ts'
import { seedCalls } from '../support/seed-calls.ts'
import { freshDatabase } from '../support/stores.ts'

// A record of a year: what an operator looks at must still be there at once.
const database = await freshDatabase('The dashboard with 100,000 calls')
const programs = await needsPrograms('The first paint with 100,000 calls in Chromium', ['chromium'])
const amount = { calls: 100_000, failures: 5_000 }

/** What is looked at of a page's own clock: the program does not load the types of browsers. */
interface PaintTimes {
  getEntriesByName(name: string): { startTime: number }[]
}

describe.skipIf(database === undefined)('with 100,000 calls and 5,000 failures', () => {
  let http: HttpApp
  let visitor: Record<string, string> = {}

  beforeAll(async () => {
    http = await startHttpApp({ environment: { DATABASE_URL: database?.url ?? '' } })
    await http.addPortal()
    await seedCalls(http.app.db, 'acme', amount)
    visitor = await http.visit('operator')
  }, 300_000)
  afterAll(async () => {
    await http?.close()
    await database?.drop()
  })

  /** The best of five: what the server needs, without what the machine's other work adds. */
  const best = async (path: string): Promise<number> => {
    let least = Number.POSITIVE_INFINITY
    for (let n = 0; n < 5; n += 1) {
      const startedAt = performance.now()
      const answer = await http.get(path, visitor)
      least = Math.min(least, performance.now() - startedAt)
      expect([path, answer.status]).toEqual([path, 200])
    }
    return least
  }

  test('list and causes answer in less than 200 ms, by whatever they are narrowed', async () => {
    const took: Record<string, number> = {}
    for (const path of [
      '/calls',
      '/api/v1/calls',
      '/api/v1/calls?status=parked',
      '/api/v1/calls?cursor=50000',
      '/api/v1/calls?quality=low&period=7d',
      '/api/v1/calls?cause=ai_provider_unavailable',
      '/api/v1/calls?step=classifyLead',
      '/api/v1/calls?q=deal%201234',
      '/api/v1/calls?q=%2B74950012345',
      '/api/v1/calls?q=externalCall.seed.777',
      '/api/v1/calls/counts',
      '/causes',
      '/api/v1/causes',
      '/review',
    ])
      took[path] = Math.round(await best(path))
    process.stdout.write(`${JSON.stringify(took)}\n`)
    expect(Object.entries(took).filter(([, ms]) => ms >= 200)).toEqual([])
    // A page of figures over a day, which nobody asks for again and again.
    expect(await best('/overview')).toBeLessThan(1_000)
    const { causes } = JSON.parse((await http.get('/api/v1/causes', visitor)).text) as { causes: { calls: number }[] }
    expect(causes.reduce((sum, cause) => sum + cause.calls, 0)).toBe(amount.failures)
  })

  test.skipIf(programs === null)(
    'the list stands on the screen in less than a second, with less than 40 KiB of script',
    async () => {
      const browser = await openBrowser(programs?.chromium ?? '')
      const secret = /__Host-callsift=([\w-]+)/.exec(visitor['cookie'] ?? '')?.[1] ?? ''
      const context = await openWindow(browser, { server: http.server }, { secret })
      try {
        const page = await context.newPage()
        const scripts = new Map<string, number>()
        page.on('response', async (answer) => {
          if (/javascript/.test(answer.headers()['content-type'] ?? ''))
            scripts.set(answer.url(), gzipSync(await answer.body()).length)
        })
        await page.goto('/calls')
        expect(await page.locator('tbody tr').count()).toBe(50)
        // From the click, through the server, to the first letters: what a person waits for, style sheet and script in the cache.
        const paints: number[] = []
        for (let n = 0; n < 5; n += 1) {
          await page.goto('/calls?period=30d')
          paints.push(
            await page.evaluate(async () => {
              const { performance } = globalThis as unknown as { performance: PaintTimes }
              for (let look = 0; look < 200; look += 1) {
                const [paint] = performance.getEntriesByName('first-contentful-paint')
                if (paint !== undefined) return paint.startTime
                await new Promise((resolve) => setTimeout(resolve, 10))
              }
              return Number.POSITIVE_INFINITY
            }),
          )
          await page.goto('/calls')
        }
        const scriptGzBytes = [...scripts.values()].reduce((sum, bytes) => sum + bytes, 0)
        process.stdout.write(`${JSON.stringify({ firstPaintMs: paints.map(Math.round), scriptGzBytes })}\n`)
        expect(Math.min(...paints)).toBeLessThan(1_000)
        expect(scriptGzBytes).toBeGreaterThan(0)
        expect(scriptGzBytes).toBeLessThan(40 * 1024)
      } finally {
        await context.close()
        await browser.close()
      }
    },
    120_000,
  )

  test('O06: a retry of 5,000 goes on in the background, shows how far it is, and what comes in meanwhile is taken in as fast', async () => {
    const json = { ...visitor, 'content-type': 'application/json' }
    await http.app.start()
    const ingest = async (until: () => boolean, name: string): Promise<number> => {
      const took: number[] = []
      for (let n = 0; n < 40 || !until(); n += 1) {
        const startedAt = performance.now()
        const answer = await http.post(
          '/webhooks/bitrix24',
          callEnd({ CALL_ID: `${name} ${n}`, CRM_ACTIVITY_ID: String(n + (name === 'quiet' ? 1 : 100_000)) }),
        )
        took.push(performance.now() - startedAt)
        expect(answer.status).toBe(200)
      }
      return took.sort((a, b) => a - b)[Math.floor(took.length * 0.95)] ?? 0
    }
    const quiet = await ingest(() => true, 'quiet')
    const startedAt = performance.now()
    const started = await http.post('/api/v1/retries', JSON.stringify({ filter: { status: 'parked' } }), json)
    expect(started.status).toBe(202)
    const { retryId, accepted } = JSON.parse(started.text) as { retryId: string; accepted: number }
    expect(accepted).toBe(amount.failures)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    const seen: number[] = []
    let finished = false
    const watching = (async () => {
      while (!finished) {
        const now = JSON.parse((await http.get(`/api/v1/retries/${retryId}`, visitor)).text) as {
          done: number
          finishedAt: string | null
        }
        seen.push(now.done)
        finished = now.finishedAt !== null
        if (!finished) await wait(50)
      }
    })()
    const busy = await ingest(() => finished, 'busy')
    await watching
    process.stdout.write(
      JSON.stringify({
        seconds: Math.round(performance.now() - startedAt) / 1000,
        looks: seen.length,
        p95QuietMs: Math.round(quiet),
        p95BusyMs: Math.round(busy),
      }),
    )
    expect(new Set(seen).size).toBeGreaterThan(2)
    expect(seen.at(-1)).toBe(amount.failures)
    expect(JSON.parse((await http.get('/api/v1/calls/counts', visitor)).text)).toMatchObject({ parked: 0 })
    expect(busy).toBeLessThan(Math.max(50, quiet * 5))
  })
})
