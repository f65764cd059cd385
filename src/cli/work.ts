import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import { commaList, readSettings, wholeNumber, withExamples } from './options.ts'
import { concurrencyOf } from './service.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

interface WorkOptions {
  readonly queues?: string[]
  readonly concurrency?: number
  readonly port?: number
  readonly host: string
}

export function addWork(program: Command, terminal: Terminal): void {
  const command = program
    .command('work')
    .summary('more workers, on this or any machine (needs DATABASE_URL)')
    .description(
      'Runs workers only. As many as wanted, on any machine that reaches the database (and Redis, where REDIS_URL is set).',
    )
    .option(
      '--queues <names>',
      'only these, separated by commas: locate, plan, transcribe, classify, timeline, leads, bots, reports; each needs a worker somewhere',
      commaList,
    )
    .option('--concurrency <number>', 'steps of a queue at once (CALLSIFT_CONCURRENCY)', wholeNumber(1, 256))
    .option(
      '--port <number>',
      'answer /livez, /readyz and /metrics there (not at all without it)',
      wholeNumber(0, 65_535),
    )
    .option('--host <address>', 'address for --port', '127.0.0.1')
  withExamples(command, [
    'DATABASE_URL=postgres://… REDIS_URL=redis://… callsift work',
    'callsift work --queues transcribe,classify --concurrency 16',
    'callsift work --host 0.0.0.0 --port 9464             # probes and metrics of this worker',
  ])
  command.action(async (options: WorkOptions) => {
    const { config, log } = readSettings(command, false)
    if (!config.hasDatabase) {
      throw new UsageError(
        '`work` shares its record with `serve`, so both need a database server; DATABASE_URL is not set.',
        {
          hint: 'Set DATABASE_URL (and REDIS_URL) for both, or run `callsift serve` alone: it has workers of its own.',
          exitCode: exitCodes.configuration,
        },
      )
    }
    const { registry } = await import('../../workers/index.ts')
    const unknown = (options.queues ?? []).filter((name) => !registry.queues.includes(name))
    if (unknown.length > 0) {
      throw new UsageError(`There is no queue ${unknown.join(', ')}.`, {
        hint: `The queues are ${registry.queues.join(', ')}.`,
      })
    }
    const stopping = listenForStop()
    const { openApp } = await import('../context.ts')
    const { whenRecordAnswers } = await import('./when-record-answers.ts')
    const { concurrency } = options
    const begin = async () => {
      const app = await openApp(config, log)
      try {
        await app.start()
        await app.engine.work({
          ...(options.queues === undefined ? {} : { queues: options.queues }),
          concurrency: concurrency === undefined ? concurrencyOf(config) : () => concurrency,
        })
        return app
      } catch (error) {
        // What was opened by then would keep the process from ending: a refusal that nobody's supervisor sees.
        await app
          .close({ drainMs: 0 })
          .catch((closing: unknown) => log.warn({ error: String(closing) }, 'closing what had been opened'))
        throw error
      }
    }
    const app = await whenRecordAnswers(begin, { waitMs: config.timings.recordWaitMs, stopping, say: terminal.note })
    if (app === null) return
    if (config.mode !== 'live') terminal.line(`${terminal.paint('yellow', 'SANDBOX')}: nothing here is real.`)
    terminal.line(`Working on ${(options.queues ?? registry.queues).join(', ')} by ${app.queues.kind}. Ctrl-C ends it.`)
    const health =
      options.port === undefined
        ? null
        : await (await import('../http/worker-server.ts')).createWorkerServer(app, {
            host: options.host,
            port: options.port,
          })
    if (health !== null) terminal.line(`Its health: ${health.url}/readyz   Its figures: ${health.url}/metrics`)
    const signal = await stopping.asked
    terminal.note(
      `${signal}: taking no more work, finishing what runs (up to ${Math.round(config.drainMs / 1000)} s; again to end at once)`,
    )
    await app.close({ drainMs: config.drainMs })
    await health?.close()
  })
}
