import type { Config } from '../config.ts'
import type { App } from '../context.ts'
import { savePortal } from '../db/portals.ts'
import type { Log } from '../log.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'

/** A running service: the app, its address, and the sandbox where there is one. */
export interface Service {
  readonly app: App
  /** `http://host:port` as it is bound. */
  readonly url: string
  readonly sandbox: Sandbox | null
  close(drainMs: number): Promise<void>
}

export interface ServiceOptions {
  readonly httpOnly?: boolean
}

/** Speech and chat are paid and slow: they have a limit of their own. */
export function concurrencyOf(config: Config): (queue: string) => number {
  return (queue) => (queue === 'transcribe' || queue === 'classify' ? config.aiConcurrency : config.concurrency)
}

/** Starts the record, the queues, the web server and (unless `httpOnly`) the workers, in this process. */
export async function startService(config: Config, log: Log, options: ServiceOptions = {}): Promise<Service> {
  const [{ openApp }, { createHttpServer }] = await Promise.all([import('../context.ts'), import('../http/server.ts')])
  const app = await openApp(config, log)
  let sandbox: Sandbox | null = null
  let closeServer: () => Promise<void> = async () => undefined
  const close = async (drainMs: number) => {
    // No new calls first, then what is under way, then the upstream that it speaks with.
    await closeServer()
    await app.close({ drainMs })
    await sandbox?.close()
  }
  try {
    const server = await createHttpServer(app, { host: config.host, port: config.port })
    closeServer = () => server.close()
    if (config.mode !== 'live') sandbox = await joinSandbox(app, `${server.url}/webhooks/bitrix24`)
    await app.start()
    if (options.httpOnly !== true) await app.engine.work({ concurrency: concurrencyOf(config) })
    return { app, url: server.url, sandbox, close }
  } catch (error) {
    await close(0)
    throw error
  }
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
