/** Pictures of every page, light and dark, into docs/images: `npm run screenshots`. Needs chromium; data come from the sandbox. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { createToken } from '../src/db/tokens.ts'
import { saveUser, setDisabled } from '../src/db/users.ts'
import { hashPassword } from '../src/password.ts'
import { openBrowser, openWindow } from '../test/support/browser.ts'
import { startDashboardWorld } from '../test/support/dashboard-world.ts'
import { findBinary } from '../test/support/processes.ts'
import { useRouter } from '../test/support/use-router.ts'

const chromium = findBinary('chromium')
if (chromium === undefined) throw new Error('chromium is not here: scripts/setup-machine.sh installs it')
const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))
await mkdir(folder, { recursive: true })

const world = await startDashboardWorld(await mkdtemp(join(tmpdir(), 'callsift-pictures-')), { recordings: true })
const browser = await openBrowser(chromium)
try {
  const secret = await world.login('admin', 'olga')
  await world.login('operator', 'anna')
  await peopleAndTokens()
  const failed = await callOf('parked')
  const done = await callOf('done')
  const batch = await world.score()
  await spreadOverTheDay()
  await useRouter(world.app.db)
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
    router: '/router',
    users: '/users',
    account: '/account',
  }
  // Dark ones in Russian: each page is seen in both languages, and none four times.
  for (const [theme, language] of [
    ['light', 'en'],
    ['dark', 'ru'],
  ] as const) {
    const context = await openWindow(browser, world, { secret, theme, language, width: 1240, height: 780 })
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
  const stranger = await openWindow(browser, world, {
    secret: 'A'.repeat(43),
    theme: 'light',
    language: 'en',
    width: 1240,
    height: 780,
  })
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

/** What the page of users shows of a firm that has worked with it for a while. */
async function peopleAndTokens(): Promise<void> {
  const { db } = world.app
  const password = await hashPassword('a long enough password')
  await db.updateTable('callsift.users').set({ password }).execute()
  await saveUser(db, 'boss', 'viewer')
  const { id } = await saveUser(db, 'ivan', 'operator')
  await setDisabled(db, id, true)
  await createToken(db, 'reports', { role: 'viewer', expiresAt: new Date(Date.now() + 90 * 86_400_000) })
}

/** As if the calls had come over a day: all that is known of each is moved back by as much. */
async function spreadOverTheDay(): Promise<void> {
  const calls = await world.app.db.selectFrom('callsift.calls').select(['id', 'run_id']).orderBy('id', 'desc').execute()
  for (const [index, { id, run_id: runId }] of calls.entries()) {
    const minutes = [4, 11, 26, 38, 52, 71, 95, 140, 188, 251, 260, 330, 402, 455, 517, 640, 655, 790, 901, 1_010][
      index
    ]
    const back = `interval '${minutes ?? 1_100} minutes'`
    const of: readonly [table: string, where: string, columns: readonly string[]][] = [
      ['calls', `id = ${id}`, ['started_at', 'created_at']],
      ['runs', `id = ${runId}`, ['created_at', 'finished_at']],
      ['steps', `run_id = ${runId}`, ['created_at', 'finished_at']],
      ['attempts', `step_id in (select id from callsift.steps where run_id = ${runId})`, ['started_at', 'finished_at']],
      ['effects', `run_id = ${runId}`, ['sent_at', 'written_at']],
      ['inbox', `call_id = ${id}`, ['received_at']],
    ]
    for (const [table, where, columns] of of) {
      const set = columns.map((column) => `${column} = ${column} - ${back}`).join(', ')
      await world.app.connection.pool.query(`update callsift.${table} set ${set} where ${where}`)
    }
  }
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
