import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AlertReceiver, startAlertReceiver } from '../support/alert-receiver.ts'
import { freePort } from '../support/processes.ts'

let folder = ''
let receiver: AlertReceiver
let service: ReturnType<typeof launch>
let port = 0

function launch(args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      CALLSIFT_DATA: folder,
      CALLSIFT_MODE: 'sandbox',
      CALLSIFT_PORT: String(port),
      CALLSIFT_LANGUAGE: 'auto',
      CALLSIFT_ALERT_URL: receiver.url,
      CALLSIFT_ALLOW_HOSTS: receiver.host,
      CALLSIFT_PRICE_SPEECH_MINUTE: '0.5',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (piece) => (said.out += piece))
  child.stderr.on('data', (piece) => (said.err += piece))
  return { child, said }
}

async function run(...args: string[]) {
  const { child, said } = launch(args)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...said }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-backfill-'))
  receiver = await startAlertReceiver()
  port = await freePort()
  service = launch(['serve'])
  while (!service.said.out.includes('is listening')) await once(service.child.stdout, 'data')
})
afterAll(async () => {
  if (service !== undefined && service.child.exitCode === null) {
    service.child.kill('SIGTERM')
    await once(service.child, 'close')
  }
  await receiver?.close()
  await rm(folder, { recursive: true, force: true })
})

test('backfill over a running service is counted, its mistakes are wrong usage, and caps are set by `portal set`', async () => {
  const dry = await run('backfill', '--since', '2026-01-01', '--dry-run')
  expect(dry.code).toBe(0)
  expect(dry.out).toMatch(/To take in\s+0 calls/)
  expect((await run('backfill', '--since', 'yesterday')).code).toBe(64)
  expect((await run('backfill', '--since', '2026-01-01', '--until', '2025-01-01')).code).toBe(64)
  const unknown = await run('backfill', '--since', '2026-01-01', '--portal', 'nobody')
  expect([unknown.code, unknown.err]).toEqual([64, expect.stringContaining('nobody')])

  const set = await run(
    'portal',
    'set',
    'sandbox',
    'capDailyMinutes=600',
    'timeZone=Europe/Moscow',
    'alertBot=41/chat77',
    'workingHours=Mon-Fri 9-18',
  )
  expect(set.out).toContain('"capDailyMinutes":600')
  expect(set.out).toContain('"botId":41')
  const slip = await run('portal', 'set', 'sandbox', 'capDailyMinutes=6OO')
  expect([slip.code, slip.err]).toEqual([64, expect.stringContaining('capDailyMinutes')])
  for (const wrong of ['timeZone=Mars/Base', 'workingHours=always', 'capDailyMinutes=-1']) {
    expect([wrong, (await run('portal', 'set', 'sandbox', wrong)).code]).toEqual([wrong, 64])
  }
  expect((await run('status')).out).toMatch(/Spent\s+sandbox: today 0\.0 of 600 min/)
})

test('backfill wants a word of consent, takes in once, and says so', async () => {
  const { portals } = JSON.parse((await run('portal', 'list', '--json')).out) as { portals: { baseUrl: string }[] }
  const origin = new URL(portals[0]?.baseUrl ?? '').origin
  const day = new Date(Date.now() - 3 * 24 * 3_600_000)
  const made = await fetch(`${origin}/__sandbox/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ portal: 'sandbox', entity: 'deal', sendEvent: false, startedAt: day.getTime() }),
  })
  expect(made.status).toBeLessThan(300)
  const range = ['--since', day.toISOString().slice(0, 10), '--until', day.toISOString().slice(0, 10)]
  const unasked = await run('backfill', ...range)
  expect([unasked.code, unasked.err]).toEqual([64, expect.stringContaining('--yes')])
  expect(unasked.out).toMatch(/To take in\s+1 calls/)
  expect(unasked.out).toMatch(/Cost\s+about \d+\.\d\d RUB/)
  const taken = await run('backfill', ...range, '--yes')
  expect([taken.code, taken.out]).toEqual([0, expect.stringContaining('1 calls were taken in')])
  const again = await run('backfill', ...range, '--yes', '--json')
  expect(JSON.parse(again.out)).toMatchObject({ known: 1, wanted: 0, taken: 0, dryRun: false })
})

test('alert test says what came back of each channel; alert list what stands', async () => {
  const tested = await run('alert', 'test')
  // The bot that is named does not exist; the address takes it.
  expect(tested.code).toBe(1)
  expect(tested.out).toMatch(/ok\s+url: the address answered 204/)
  expect(tested.out).toMatch(/FAIL bot:sandbox: .*41/)
  expect(receiver.received[0]?.body).toMatchObject({ phase: 'test', sandbox: true })
  const listed = await run('alert', 'list')
  expect([listed.code, listed.out]).toEqual([0, 'No alert stands.\n'])
})

test('deliveries tell each reason once, with its mend', async () => {
  for (let n = 0; n < 2; n += 1) {
    await fetch(`http://127.0.0.1:${port}/webhooks/bitrix24/robot/guess`, { method: 'POST' })
  }
  const refused = await run('deliveries', '--outcome', 'refused')
  expect(refused.code).toBe(0)
  expect(refused.out.match(/wrong_robot_secret/g)).toHaveLength(3)
  expect(refused.out.match(/Make a new address/g)).toHaveLength(1)
  expect((await run('deliveries', '--outcome', 'lost')).code).toBe(64)
})
