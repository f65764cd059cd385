import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { listPortals } from '../db/portals.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import type { Service } from './service.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

interface ServeOptions {
  readonly port?: number
  readonly host?: string
  readonly httpOnly?: boolean
}

export function addServe(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .summary('take calls in, work on them, show what became of them')
    .description(
      'Runs the service: webhooks, API, pages and, unless told otherwise, the workers. Logs JSON lines to stderr.',
    )
    .option('--port <number>', 'where to listen (CALLSIFT_PORT, 8787)', wholeNumber(0, 65_535))
    .option('--host <address>', 'address to listen on (CALLSIFT_HOST, 127.0.0.1)')
    .option('--http-only', 'take calls in and leave the work to `callsift work` (needs DATABASE_URL)')
  withExamples(command, [
    'callsift serve',
    'callsift serve --host 0.0.0.0 --port 8080',
    'CALLSIFT_MODE=sandbox callsift serve                 # with a portal that is played',
    'DATABASE_URL=postgres://… REDIS_URL=redis://… callsift serve --http-only',
  ])
  command.action(async (options: ServeOptions) => {
    const settings = readSettings(command, false)
    const config = {
      ...settings.config,
      port: options.port ?? settings.config.port,
      host: options.host ?? settings.config.host,
    }
    const stopping = listenForStop()
    const { startService } = await import('./service.ts')
    const { whenRecordAnswers } = await import('./when-record-answers.ts')
    const service = await whenRecordAnswers(
      () => startService(config, settings.log, { httpOnly: options.httpOnly === true }),
      { waitMs: config.timings.recordWaitMs, stopping, say: terminal.note },
    )
    if (service === null) return
    await printBlock(terminal, config, service, options.httpOnly === true)
    const signal = await stopping.asked
    terminal.note(
      `${signal}: taking no more calls, finishing what runs (up to ${Math.round(config.drainMs / 1000)} s; again to end at once)`,
    )
    await service.close(config.drainMs)
  })
}

async function printBlock(terminal: Terminal, config: Config, service: Service, httpOnly: boolean): Promise<void> {
  const { app, url } = service
  const portals = await listPortals(app.db)
  const observing = portals.filter((portal) => !portal.writeEnabled).length
  const writes = !config.write
    ? 'OFF everywhere (CALLSIFT_WRITE=off): verdicts are shown, nothing is written'
    : portals.length === 0
      ? 'no portal yet: callsift portal add'
      : `on for ${portals.length - observing} of ${portals.length} portals${observing > 0 ? '; the others are in OBSERVE mode: nothing is written' : ''}`
  const record = app.connection.kind === 'postgres' ? 'Postgres (DATABASE_URL)' : `embedded, in ${config.dataDir}`
  const rows: [string, string][] = [
    ['Address', url],
    [
      'Handler URL',
      `${config.publicUrl ?? url}/webhooks/bitrix24${config.publicUrl === undefined && config.mode === 'live' ? '   (not public: set CALLSIFT_PUBLIC_URL, or calls are found by polling)' : ''}`,
    ],
    [
      'Mode',
      config.mode === 'live'
        ? `live, ${config.vibecodeBaseUrl}`
        : `${terminal.paint('yellow', 'SANDBOX')}: nothing here is real, real portals get 503`,
    ],
    ...(service.routerUrl === null ? [] : [['AI Router', `${service.routerUrl}/v1`] satisfies [string, string]]),
    ['Record', record],
    ['Queue', app.queues.kind],
    ['Writes', writes],
    [
      'Workers',
      httpOnly ? 'none here: run `callsift work`' : `in this process, ${config.concurrency} steps a queue at once`,
    ],
  ]
  terminal.line(`${terminal.paint('bold', 'Callsift')} ${app.version} is listening. Ctrl-C ends it.`)
  if (service.firstLogin !== null)
    rows.push(['Log in once', `${service.firstLogin}   (good for a day; set a password then)`])
  for (const [name, value] of rows) terminal.line(`  ${name.padEnd(12)} ${value}`)
}
