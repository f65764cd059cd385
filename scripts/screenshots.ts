/** Pictures of every page, light and dark, into docs/images: `npm run screenshots`. Needs chromium; data come from the sandbox. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { openBrowser, openWindow } from '../test/support/browser.ts'
import { startDashboardWorld } from '../test/support/dashboard-world.ts'
import { findBinary } from '../test/support/processes.ts'

const chromium = findBinary('chromium')
if (chromium === undefined) throw new Error('chromium is not here: scripts/setup-machine.sh installs it')
const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))
await mkdir(folder, { recursive: true })

const world = await startDashboardWorld(await mkdtemp(join(tmpdir(), 'callsift-pictures-')), { recordings: true })
const browser = await openBrowser(chromium)
try {
  const secret = await world.login('admin', 'olga')
  await world.login('operator', 'anna')
  const failed = await callOf('parked')
  const done = await callOf('done')
  const batch = await world.score()
  const pages: Record<string, string> = {
    calls: '/calls',
    causes: '/causes',
    call: `/calls/${done}`,
    'call-failed': `/calls/${failed}`,
    review: '/review',
    overview: '/overview',
    deliveries: '/deliveries',
    bulk: '/calls/bulk?all=1&f.status=parked',
    batches: '/batches',
    batch: `/batches/${batch}`,
    users: '/users',
    account: '/account',
  }
  // Dark ones in Russian: each page is seen in both languages, and none four times.
  for (const [theme, language] of [
    ['light', 'en'],
    ['dark', 'ru'],
  ] as const) {
    const context = await openWindow(browser, world, { secret, theme, language })
    const page = await context.newPage()
    for (const [name, path] of Object.entries(pages)) await take(page, path, `${name}-${theme}`)
    await context.close()
  }
  const phone = await openWindow(browser, world, { secret, theme: 'light', language: 'ru', width: 390, height: 844 })
  const page = await phone.newPage()
  await take(page, '/calls', 'calls-phone')
  await take(page, `/calls/${failed}`, 'call-phone')
  await take(page, '/users', 'users-phone')
  await phone.close()
  const stranger = await openWindow(browser, world, { secret: 'A'.repeat(43), theme: 'light', language: 'en' })
  await take(await stranger.newPage(), '/login', 'login-light')
  await stranger.close()
} finally {
  await browser.close()
  await world.close()
}

async function take(page: Page, path: string, name: string): Promise<void> {
  await page.goto(path)
  if (path.startsWith('/calls/') && !path.includes('bulk'))
    await page.waitForSelector('#player[data-ready], main:not(:has(#player))')
  await page.waitForSelector('#live[data-state="on"], body:not([data-live])')
  await page.screenshot({ path: join(folder, `${name}.png`) })
  console.log(name)
}

async function callOf(state: 'done' | 'parked'): Promise<string> {
  const row = await world.app.db
    .selectFrom('callsift.calls')
    .innerJoin('callsift.runs', 'callsift.runs.id', 'callsift.calls.run_id')
    .select('callsift.calls.id')
    .where('callsift.runs.state', '=', state)
    .orderBy('callsift.calls.id')
    .executeTakeFirstOrThrow()
  return row.id
}
