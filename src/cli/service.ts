import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import type { App } from '../context.ts'
import { holdFolder, type Owner } from '../db/owner-lock.ts'
import { savePortal } from '../db/portals.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { exitCodes } from './exit-codes.ts'

/** A running service: the app, its address, and the sandbox where there is one. */
export interface Service {
  readonly app: App
  /** `http://host:port` as it is bound. */
  readonly url: string
  /** Address of a login that is good once; null where somebody has logged in before. */
  readonly firstLogin: string | null
  readonly sandbox: Sandbox | null
  /** Of the AI Router, where one was asked for. */
  readonly routerUrl: string | null
  close(drainMs: number): Promise<void>
}

export interface ServiceOptions {
  readonly httpOnly?: boolean
}

/** Speech and chat are paid and slow: they have a limit of their own. */
export function concurrencyOf(config: Config): (queue: string) => number {
  return (queue) => (queue === 'transcribe' || queue === 'classify' ? config.aiConcurrency : config.concurrency)
}

/** An embedded record has one owner; whoever else starts is told who it is. */
async function ownFolder(config: Config): Promise<Owner | null> {
  if (config.hasDatabase) return null
  const held = await holdFolder(config.dataDir)
  if (held.kind === 'owner') return held
  throw new UsageError(`Callsift is running on ${config.dataDir} already, at ${held.url}.`, {
    hint: 'Use that one, stop it, or give this one a folder of its own (CALLSIFT_DATA). Several processes on one record need DATABASE_URL.',
    exitCode: exitCodes.configuration,
  })
}

/** Starts the record, the queues, the web server and (unless `httpOnly`) the workers, in this process. */
export async function startService(config: Config, log: Log, options: ServiceOptions = {}): Promise<Service> {
  const owner = await ownFolder(config)
  let sandbox: Sandbox | null = null
  const closers: ((drainMs: number) => Promise<void>)[] = [async () => await owner?.release()]
  const close = async (drainMs: number) => {
    // One time for all of it: what slow senders used up is not given to the steps once more.
    const until = performance.now() + drainMs
    for (const closeOne of closers.splice(0)) await closeOne(Math.max(0, until - performance.now()))
  }
  try {
    const [{ openApp }, { createHttpServer }, { firstLoginPath }] = await Promise.all([
      import('../context.ts'),
      import('../http/server.ts'),
      import('../ops/users.ts'),
    ])
    const app = await openApp(config, log)
    closers.unshift((drainMs) => app.close({ drainMs }))
    const localToken = randomBytes(32).toString('base64url')
    const server = await createHttpServer(app, { host: config.host, port: config.port, localToken })
    // No new calls first, then what is under way, then the upstream that it speaks with.
    closers.unshift(() => server.close())
    if (config.mode === 'sandbox' && config.sandboxUrl !== undefined) {
      const { joinSandboxAt } = await import('./join-sandbox.ts')
      await joinSandboxAt(app, config.sandboxUrl, server.port)
    } else if (config.mode !== 'live') {
      sandbox = await joinSandbox(app, `${server.url}/webhooks/bitrix24`)
      closers.splice(2, 0, sandbox.close)
    }
    await app.start()
    if (options.httpOnly !== true) await app.engine.work({ concurrency: concurrencyOf(config) })
    owner?.publish(server.url, localToken)
    const loginPath = await firstLoginPath(app)
    const firstLogin = loginPath === null ? null : `${server.url}${loginPath}`
    const routerUrl = await startRouterBeside(app, sandbox, closers)
    return { app, url: server.url, firstLogin, sandbox, routerUrl, close }
  } catch (error) {
    await close(0).catch((closing: unknown) => log.warn({ error: String(closing) }, 'closing what had been opened'))
    throw error
  }
}

/** The AI Router on its own port, where the settings name one. */
async function startRouterBeside(
  app: App,
  sandbox: Sandbox | null,
  closers: ((drainMs: number) => Promise<void>)[],
): Promise<string | null> {
  const { port } = app.config.router
  if (port === undefined) return null
  const { openRouter } = await import('./open-router.ts')
  const router = await openRouter(app, { host: app.config.host, port, sandbox })
  closers.unshift((drainMs) => router.close(drainMs))
  return router.url
}

/** The sandbox's address changes with every start, so its portal is written anew each time. */
async function joinSandbox(app: App, webhookUrl: string): Promise<Sandbox> {
  const { startSandbox } = await import('../sandbox/sandbox.ts')
  const sandbox = await startSandbox({ log: app.log, limits: { scale: app.config.sandboxScale } })
  const portal = sandbox.addPortal({ name: 'sandbox', webhookUrl })
  await savePortal(app.db, app.sealer, {
    id: 'sandbox',
    memberId: portal.memberId,
    domain: portal.domain,
    name: 'SANDBOX',
    baseUrl: sandbox.url,
    apiKey: portal.key.value,
    applicationToken: portal.applicationToken,
    writeEnabled: true,
    sandbox: true,
  })
  return sandbox
}
