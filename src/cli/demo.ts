import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { CreatedCall } from '../sandbox/calls.ts'
import type { Recording } from '../sandbox/recordings.ts'
import { ringAll, watchEntries } from './demo-calls.ts'
import { printEntry, printNext } from './demo-view.ts'
import { exitCodes } from './exit-codes.ts'
import { preferPort } from './free-port.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import type { Service } from './service.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

interface DemoOptions {
  readonly once?: boolean
  readonly port?: number
  readonly keep?: boolean
}

const onceDeadlineMs = 120_000
const ringGapMs = 300

export function addDemo(program: Command, terminal: Terminal): void {
  const command = program
    .command('demo')
    .summary('see calls become timeline entries, with nothing but this program')
    .description(
      'Starts everything in this process: an embedded record, a SANDBOX portal and AI provider, the service and its workers.\nEight calls end, four in Russian and four in English; each entry is shown as the portal takes it.',
    )
    .option('--once', 'end when all calls have ended: 0 when each has its entry, 1 when one failed or after 120 s')
    .option('--port <number>', 'where to listen; without it 8787, or any free port', wholeNumber(0, 65_535))
    .option('--keep', 'keep the record in .callsift/demo instead of a folder that is removed at the end')
  withExamples(command, ['callsift demo', 'callsift demo --once', 'callsift demo --port 9000 --keep'])
  command.action(async (options: DemoOptions) => {
    const settings = readSettings(command, true)
    const stopping = listenForStop()
    terminal.note('Starting an embedded record, a SANDBOX portal and the service…')
    const dataDir =
      options.keep === true ? resolve('.callsift', 'demo') : await mkdtemp(join(tmpdir(), 'callsift-demo-'))
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const config = demoConfig(settings.config, dataDir, options.port ?? (await preferPort(8787, '127.0.0.1')))
    try {
      const { startService } = await import('./service.ts')
      const service = await startService(config, settings.log)
      try {
        process.exitCode = await playDemo(terminal, service, dataDir, options.once === true, stopping.asked)
      } finally {
        await service.close(options.once === true ? 5_000 : 1_000)
      }
    } finally {
      stopping.release()
      if (options.keep !== true) await rm(dataDir, { recursive: true, force: true })
    }
  })
}

/** The demo stands alone: no database, Redis, key or portal of the environment takes part in it. */
function demoConfig(config: Config, dataDir: string, port: number): Config {
  return {
    ...config,
    mode: 'demo',
    dataDir,
    host: '127.0.0.1',
    port,
    publicUrl: undefined,
    write: true,
    // The calls are in two languages, and the provider hears which.
    language: 'auto',
    // Ten times the documented rate, which the sandbox grants: nobody should wait for a played portal.
    ratePerMinute: config.ratePerMinute * 10,
    ratePerSecond: config.ratePerSecond * 10,
    sandboxScale: 10,
    sandboxUrl: undefined,
    minSeconds: 15,
    schedules: undefined,
    rubricsFolder: undefined,
    router: { ...config.router, port: undefined },
    memberId: undefined,
    hasDatabase: false,
    hasRedis: false,
    secrets: {
      databaseUrl: undefined,
      redisUrl: undefined,
      apiKey: undefined,
      appToken: undefined,
      secretKey: undefined,
      previousSecretKey: undefined,
      alertUrl: undefined,
      alertSecret: undefined,
      serviceToken: undefined,
    },
  }
}

async function playDemo(
  terminal: Terminal,
  service: Service,
  dataDir: string,
  once: boolean,
  asked: Promise<string>,
): Promise<number> {
  const { sandbox, app, url } = service
  if (sandbox === null) throw new Error('the demo has no sandbox')
  const controller = new AbortController()
  void asked.then(() => controller.abort())
  const deadline = setTimeout(() => controller.abort(), onceDeadlineMs)
  if (!once) clearTimeout(deadline)
  const calls = new Map<string, { call: CreatedCall; recording: Recording }>()
  const written = new Set<string>()
  terminal.line(
    `${terminal.paint('bold', 'Callsift')} ${app.version} is listening at ${terminal.paint('cyan', url)} ${terminal.paint('yellow', 'SANDBOX')}`,
  )
  let rung = false
  const ringing = ringAll(sandbox, 'sandbox', ringGapMs, controller.signal, (call, recording) => {
    calls.set(String(call.dealId ?? call.leadId), { call, recording })
  }).then(() => {
    rung = true
  })
  const failures = await import('./demo-failures.ts')
  let failed: readonly string[] = []
  await watchEntries({
    sandbox,
    calls,
    signal: controller.signal,
    sinceStart: () => process.uptime(),
    onEntry: (entry) => {
      written.add(entry.call.callId)
      printEntry(terminal, entry)
    },
    isOver: async () => {
      if (!rung) return false
      if (written.size >= calls.size) return true
      failed = await failures.listFailures(app)
      return written.size + failed.length >= calls.size
    },
  })
  await ringing
  clearTimeout(deadline)
  for (const failure of failed) terminal.line(`${terminal.paint('red', 'failed')}  ${failure}`)
  const missing = calls.size - written.size
  if (missing === 0)
    terminal.line(
      `\nAll ${calls.size} calls have their entry in the portal's timeline, after ${process.uptime().toFixed(1)} s.`,
    )
  else terminal.line(`\n${written.size} of ${calls.size} calls have their entry.`)
  printNext(terminal, service.firstLogin ?? `${url}/`, url, dataDir)
  if (!once && !controller.signal.aborted) {
    terminal.line('\nCtrl-C ends it.')
    await asked
    return exitCodes.ok
  }
  // Somebody who stopped a demo that should not run once has seen what they wanted.
  return missing === 0 || !once ? exitCodes.ok : exitCodes.failed
}
