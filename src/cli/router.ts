import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { App } from '../context.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { exitCodes } from './exit-codes.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { addRouterKeys } from './router-keys.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

const usualPort = 8790

export function addRouter(program: Command, terminal: Terminal): void {
  const router = program
    .command('router')
    .summary('the AI Router: one OpenAI-compatible API over many providers')
    .description(
      'Runs the AI Router by itself. `serve` runs it too where CALLSIFT_ROUTER_PORT is set. Callers need a key: `router key-create`.',
    )
    .option('--port <number>', `where to listen (CALLSIFT_ROUTER_PORT, ${usualPort})`, wholeNumber(0, 65_535))
    .option('--host <address>', 'address to listen on (CALLSIFT_HOST, 127.0.0.1)')
  withExamples(router, [
    'callsift router key-create cursor',
    'CALLSIFT_ROUTER_CONFIG=router.json callsift router',
    'CALLSIFT_MODE=sandbox callsift router                # answers are played',
  ])
  router.action(async (options: { port?: number; host?: string }) => {
    const { config, log } = readSettings(router, false)
    const stopping = listenForStop()
    const host = options.host ?? config.host
    const port = options.port ?? config.router.port ?? usualPort
    const { whenRecordAnswers } = await import('./when-record-answers.ts')
    const running = await whenRecordAnswers(() => startAlone(config, log, host, port), {
      waitMs: config.timings.recordWaitMs,
      stopping,
      say: terminal.note,
    })
    if (running === null) return
    const mode = config.mode === 'live' ? '' : `${terminal.paint('yellow', 'SANDBOX')}: nothing here is real. `
    terminal.line(`${mode}The AI Router is listening. Ctrl-C ends it.`)
    terminal.line(`  Base URL  ${running.url}/v1`)
    const signal = await stopping.asked
    terminal.note(`${signal}: taking no more requests, finishing what runs (again to end at once)`)
    await running.close(config.drainMs)
  })
  addRouterKeys(router, terminal)
}

interface Alone {
  readonly url: string
  close(drainMs: number): Promise<void>
}

/** The router without the rest of the service. An embedded record is owned meanwhile, with a door on this machine for our own verbs. */
async function startAlone(config: Config, log: Log, host: string, port: number): Promise<Alone> {
  const [{ holdFolder }, { openRouter }] = await Promise.all([
    import('../db/owner-lock.ts'),
    import('./open-router.ts'),
  ])
  const owner = config.hasDatabase ? null : await holdFolder(config.dataDir)
  if (owner?.kind === 'held') {
    throw new UsageError(`Callsift is running on ${config.dataDir} already, at ${owner.url}.`, {
      hint: 'Set CALLSIFT_ROUTER_PORT for that one: `serve` runs the router too. Or give this one a folder of its own (CALLSIFT_DATA).',
      exitCode: exitCodes.configuration,
    })
  }
  const closers: ((drainMs: number) => Promise<void>)[] = [async () => await owner?.release()]
  const close = async (drainMs: number) => {
    for (const closeOne of closers.splice(0)) await closeOne(drainMs)
  }
  try {
    const record = owner === null ? await openRecord(config, log) : await openWhole(config, log, owner.publish)
    closers.unshift(record.close)
    const sandbox = config.mode === 'live' ? null : await (await import('../sandbox/sandbox.ts')).startSandbox({ log })
    if (sandbox !== null) closers.unshift(async () => await sandbox.close())
    const router = await openRouter({ config, log, ...record }, { host, port, sandbox })
    closers.unshift(router.close)
    return { url: router.url, close }
  } catch (error) {
    await close(0).catch((closing: unknown) => log.warn({ error: String(closing) }, 'closing what had been opened'))
    throw error
  }
}

type OpenRecord = Pick<App, 'db' | 'sealer'> & { close(drainMs: number): Promise<void> }

/** What the router needs of a record that others reach too, and nothing more: queues and pages would be half of its memory. */
async function openRecord(config: Config, log: Log): Promise<OpenRecord> {
  const [{ openDatabase }, { migrate }, { createSealer, findPreviousKey, readSecretKey }, { removeLeftovers }] =
    await Promise.all([
      import('../db/connect.ts'),
      import('../db/migrate.ts'),
      import('../seal.ts'),
      import('../audio/temp.ts'),
    ])
  const { databaseUrl = '', secretKey, previousSecretKey } = config.secrets
  const { db, close } = await openDatabase({ databaseUrl }, log)
  try {
    await migrate(db)
    const sealer = createSealer(
      await readSecretKey(secretKey, config.dataDir),
      await findPreviousKey(previousSecretKey, config.dataDir),
    )
    await removeLeftovers(join(config.dataDir, 'temp'))
    return { db, sealer, close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

/** The program on an embedded record, which is this process's alone: our own verbs come in by a door on this machine. */
async function openWhole(config: Config, log: Log, publish: (url: string, token: string) => void): Promise<OpenRecord> {
  const [{ openApp }, { createHttpServer }] = await Promise.all([import('../context.ts'), import('../http/server.ts')])
  const app = await openApp(config, log)
  try {
    const localToken = randomBytes(32).toString('base64url')
    const door = await createHttpServer(app, { host: '127.0.0.1', port: 0, localToken })
    publish(door.url, localToken)
    const close = async (drainMs: number) => {
      await door.close()
      await app.close({ drainMs })
    }
    return { db: app.db, sealer: app.sealer, close }
  } catch (error) {
    await app.close({ drainMs: 0 }).catch(() => undefined)
    throw error
  }
}
