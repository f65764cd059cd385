import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const recording = 'src/sandbox/recordings/en-hot-freight.mp3'
const folders: string[] = []

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-cli-'))
  folders.push(folder)
  return folder
}

function launch(
  args: readonly string[],
  dataDir: string,
  env: Record<string, string> = {},
): ChildProcess & { said(): { out: string; err: string } } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: dataDir, CALLSIFT_DATA: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (piece) => (out += piece))
  child.stderr.on('data', (piece) => (err += piece))
  return Object.assign(child, { said: () => ({ out, err }) })
}

async function run(args: readonly string[], dataDir: string, env: Record<string, string> = {}) {
  const child = launch(args, dataDir, env)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...child.said() }
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describe('without a service', () => {
  test('a wrong verb is wrong usage, help is not', async () => {
    const dataDir = await freshFolder()
    expect((await run(['serv'], dataDir)).code).toBe(64)
    const help = await run(['call', '--help'], dataDir)
    expect(help.code).toBe(0)
    expect(help.out).toContain('Examples:')
  })

  test('work says that it needs a database server', async () => {
    const { code, err, out } = await run(['work'], await freshFolder())
    expect(code).toBe(78)
    expect(err).toContain('DATABASE_URL')
    expect(err).not.toContain('    at ')
    expect(out).toBe('')
  })

  test('wrong settings are all told at once', async () => {
    const { code, err } = await run(['status'], await freshFolder(), { CALLSIFT_PORT: 'many', CALLSIFT_MODE: 'dream' })
    expect(code).toBe(78)
    expect(err).toContain('CALLSIFT_PORT')
    expect(err).toContain('CALLSIFT_MODE')
  })

  test('a free record is opened, and let go of', async () => {
    const dataDir = await freshFolder()
    expect((await run(['migrate', '--json'], dataDir)).code).toBe(0)
    const made = await run(['token', 'create', 'test', '--json'], dataDir)
    expect(made.code).toBe(0)
    expect(JSON.parse(made.out)).toMatchObject({ name: 'test', token: expect.stringMatching(/^callsift_/) })
    const listed = await run(['token', 'list', '--json'], dataDir)
    expect(JSON.parse(listed.out).tokens).toHaveLength(1)
    expect(listed.out).not.toContain(JSON.parse(made.out).token)
  })
})

describe('beside a service in sandbox mode', () => {
  let dataDir = ''
  let service: ReturnType<typeof launch>

  beforeAll(async () => {
    dataDir = await freshFolder()
    service = launch(['serve', '--port', '0'], dataDir, { CALLSIFT_MODE: 'sandbox', CALLSIFT_LANGUAGE: 'auto' })
    await new Promise<void>((resolve, reject) => {
      service.once('close', () => reject(new Error(`serve ended: ${service.said().err}`)))
      service.stdout?.on('data', () => {
        if (service.said().out.includes('Workers')) resolve()
      })
    })
  })

  test('the block says SANDBOX and where it listens', () => {
    expect(service.said().out).toMatch(/SANDBOX/)
    expect(service.said().out).toMatch(/Handler URL +http:\/\/127\.0\.0\.1:\d+\/webhooks\/bitrix24/)
  })

  test('status and doctor ask the service', async () => {
    const status = await run(['status', '--json'], dataDir)
    expect(status.code).toBe(0)
    expect(JSON.parse(status.out)).toMatchObject({ ok: true, mode: 'sandbox', workers: [{ alive: true }] })
    const doctor = await run(['doctor', '--json'], dataDir)
    expect(doctor.code).toBe(0)
    const { findings } = JSON.parse(doctor.out) as { findings: { what: string; state: string; mend: string | null }[] }
    expect(findings.filter((one) => one.state !== 'ok').every((one) => one.mend !== null)).toBe(true)
    expect(findings.some((one) => one.what.startsWith('vibe:ai:'))).toBe(true)
  })

  test('a file is taken in, followed, and parked for want of a place; its cause and mend are told', async () => {
    const { code, out, err } = await run(['call', recording], dataDir)
    expect(code).toBe(1)
    expect(err).toContain('transcribing part 1: done')
    expect(out).toContain('no deal, lead, contact or company')
    expect(out).toMatch(/Verdict: high \(\d+\/100\)/)
    const again = await run(['call', 'rerun', '1', '--from', 'classifyLead'], dataDir)
    expect(again.code).toBe(64)
    expect(again.err).toContain('Paid again: classifyLead')
  })

  test('a bot is registered on consent, a report begins, and a schedule takes its options by name', async () => {
    const refused = await run(['bot', 'add'], dataDir)
    expect([refused.code, refused.err]).toEqual([64, expect.stringContaining('nobody is there to ask')])
    const added = JSON.parse((await run(['bot', 'add', '--per-user', '5', '--yes', '--json'], dataDir)).out)
    expect(added).toMatchObject({ botId: expect.any(Number), registered: true })
    const report = await run(
      ['report', '--period', 'day', '--by', 'source', '--bot', `${added.botId}/chat1`, '--dry-run'],
      dataDir,
    )
    expect(report.out).toMatch(/Batch \d+ is on its way/)
    const bot = `bot={"botId":${added.botId},"dialogId":"chat1"}`
    const made = await run(['schedule', 'add', 'report', '--cron', '0 8 * * 1', 'period=month', bot, '--json'], dataDir)
    expect(JSON.parse(made.out).schedule).toMatchObject({
      workflow: 'report',
      input: { period: 'month', bot: { botId: added.botId, dialogId: 'chat1' } },
    })
    const listed = JSON.parse((await run(['bot', 'list', '--json'], dataDir)).out)
    expect(listed.bots).toMatchObject([{ botId: added.botId, enabled: true, settings: { perUserHour: 5 } }])
  })

  test('a file is only transcribed, in a language that is named, with what it cost; the call shows what was said', async () => {
    const args = ['transcribe', recording, '--language', 'en', '--stereo', 'mix']
    const first = await run(args, dataDir)
    expect(first.code, first.err).toBe(0)
    expect(first.err).toMatch(/Sent for transcription: \d+\.\d min/)
    expect(first.out).toMatch(/^\[00:00:\d\d\] .*\w/)
    const again = await run(args, dataDir)
    expect(again.err).toContain('not paid again')
    expect(again.out).toBe(first.out)
    expect((await run(['transcribe', recording, '--language', 'english'], dataDir)).code).toBe(64)
    const shown = await run(['call', 'show', '2'], dataDir)
    expect(shown.out).toContain('Only a transcript was asked for.')
    expect(shown.out).toContain(`The transcript:\n  ${first.out.split('\n')[0]}`)
    const asJson = JSON.parse((await run(['call', 'show', '2', '--json'], dataDir)).out)
    expect(asJson.transcript.merged.segments[0].text).not.toBe('')
    // What `call` and its verbs both know goes to the verb.
    const assigned = await run(['call', 'assign', '2', '--deal', '7', '--portal', 'nope', '--verbose'], dataDir)
    expect(assigned.err).toContain('No call is known as 2')
  }, 120_000)

  test('an unknown name fails with what is known', async () => {
    const { code, err } = await run(['portal', 'write', 'nope', 'on'], dataDir)
    expect(code).toBe(66)
    expect(err).toContain('Known are: sandbox')
  })

  test('a second serve on the folder is refused, with the address of the first', async () => {
    const { code, err } = await run(['serve', '--port', '0'], dataDir, { CALLSIFT_MODE: 'sandbox' })
    expect(code).toBe(78)
    expect(err).toMatch(/running on .* already, at http:\/\/127\.0\.0\.1:\d+/)
  })

  test('SIGTERM ends it with 0', async () => {
    const ended = new Promise<number | null>((resolve) => service.once('close', resolve))
    service.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
