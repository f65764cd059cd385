import { hostname } from 'node:os'
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import { readSettings, withExamples } from './options.ts'
import { OperationFailed } from './print-failure.ts'
import type { Terminal } from './terminal.ts'

interface HealthOptions {
  readonly worker?: boolean
  readonly url?: string
}

const patienceMs = 3_000

export function addHealth(program: Command, terminal: Terminal): void {
  const command = program
    .command('health')
    .summary('for a container platform: does the program on this machine live?')
    .description(
      'Exit code 0 when it lives, 1 when it does not, 69 when that cannot be told because the record does not answer.',
    )
    .option('--worker', 'ask the record for a heartbeat of a worker on this host (a worker has no web server)')
    .option('--url <address>', 'ask this address (by default /livez of the `serve` on this host)')
  withExamples(command, [
    'callsift health',
    'callsift health --worker',
    'callsift health --url http://127.0.0.1:8788/__sandbox',
  ])
  command.action(async (options: HealthOptions) => {
    const { config, log } = readSettings(command, true)
    if (options.worker !== true) {
      const url = options.url ?? `http://127.0.0.1:${config.port}/livez`
      await assertAnswers(url)
      return terminal.line(`${url} answers.`)
    }
    const { databaseUrl } = config.secrets
    if (databaseUrl === undefined) {
      throw new UsageError('A worker of its own has its record on a database server; DATABASE_URL is not set.', {
        hint: 'Without --worker this asks `serve`.',
        exitCode: exitCodes.configuration,
      })
    }
    const [{ openDatabase }, { listWorkers }] = await Promise.all([
      import('../db/connect.ts'),
      import('../db/status.ts'),
    ])
    const connection = await openDatabase({ databaseUrl }, log)
    try {
      const here = (await listWorkers(connection.db, config.timings.workerTtlMs).catch(recordSilent)).filter(
        (worker) => worker.host === hostname(),
      )
      const alive = here.filter((worker) => worker.alive)
      if (alive.length > 0) {
        return terminal.line(alive.map((worker) => `${worker.id} was heard ${worker.heardMsAgo} ms ago.`).join('\n'))
      }
      throw new OperationFailed(
        `No worker on ${hostname()} has a heartbeat younger than ${config.timings.workerTtlMs} ms.`,
        {
          hint: 'Look at its log. Its steps go to others by themselves.',
          exitCode: exitCodes.failed,
        },
      )
    } finally {
      await connection.close()
    }
  })
}

/** Says nothing about the worker, and must not look as if: a restart of it would mend nothing. */
function recordSilent(error: unknown): never {
  throw new OperationFailed(`The record does not answer: ${error instanceof Error ? error.message : String(error)}`, {
    hint: 'Is the database up, and DATABASE_URL right?',
    exitCode: exitCodes.unavailable,
  })
}

async function assertAnswers(url: string): Promise<void> {
  const { request } = await import('undici')
  const answer = await request(url, { headersTimeout: patienceMs, bodyTimeout: patienceMs }).catch((error: unknown) => {
    throw new OperationFailed(`${url} does not answer: ${error instanceof Error ? error.message : String(error)}`, {
      exitCode: exitCodes.failed,
    })
  })
  await answer.body.dump()
  if (answer.statusCode >= 300) {
    throw new OperationFailed(`${url} answered with ${answer.statusCode}.`, { exitCode: exitCodes.failed })
  }
}
