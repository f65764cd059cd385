import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { freePort } from './processes.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Entry {
  readonly portal: string
  readonly entityId: number
  readonly title: string
}

export interface Inspected {
  readonly Name: string
  readonly RestartCount: number
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Health?: { readonly Status: string } }
  readonly Config: { readonly User: string; readonly Env: readonly string[]; readonly Labels: Record<string, string> }
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean
    readonly CapDrop: readonly string[] | null
    readonly SecurityOpt: readonly string[] | null
    readonly Memory: number
    readonly PidsLimit: number | null
  }
  readonly NetworkSettings: {
    readonly Ports: Record<string, readonly { readonly HostIp: string }[] | null>
    readonly Networks: Record<string, unknown>
  }
}

/** The shipped compose file as a project of its own, beside whatever else runs. COMPOSE_FILE may name an override, as for any compose. */
export interface Stack {
  readonly url: string
  compose(...args: readonly string[]): Promise<string>
  /** Runs node in the sandbox's container against the sandbox's controls, which no port leads to. */
  control<Answer>(method: string, path: string, body?: unknown): Promise<Answer>
  entries(): Promise<Entry[]>
  inspect(service?: string): Promise<Inspected[]>
  until<Value>(look: () => Promise<Value | undefined>, withinMs: number, what: string): Promise<Value>
}

export async function openStack(): Promise<Stack> {
  const port = await freePort()
  const project = `callsift-test-${randomBytes(4).toString('hex')}`
  const { VIBECODE_API_KEY: _key, CALLSIFT_MODE: _mode, ...kept } = process.env
  const env = { ...kept, COMPOSE_PROJECT_NAME: project, CALLSIFT_PORT: String(port) }
  const docker = (...args: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      execFile('docker', args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`docker ${args.join(' ')}: ${stderr.slice(-4_000)}`, { cause: error }))
      })
    })
  const compose = (...args: readonly string[]) => docker('compose', ...args)
  await docker('info', '--format', '{{.ServerVersion}}').catch((error: unknown) => {
    throw new Error('There is no container engine: `docker info` fails. Start one, and run this again.', {
      cause: error,
    })
  })

  const control = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const script = `fetch('http://127.0.0.1:8788/__sandbox/${path}', ${JSON.stringify({
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })}).then((answer) => answer.text()).then((text) => process.stdout.write(text))`
    return JSON.parse(await compose('exec', '-T', 'sandbox', 'node', '-e', script)) as Answer
  }
  return {
    url: `http://127.0.0.1:${port}`,
    compose,
    control,
    entries: async () => {
      const effects = await control<{ portal: string; detail: { entityId: number; title: string } }[]>(
        'GET',
        'effects?kind=timeline-log',
      )
      return effects.map(({ portal, detail }) => ({ portal, entityId: detail.entityId, title: detail.title }))
    },
    inspect: async (service) => {
      const ids = (await compose('ps', '--all', '--quiet', ...(service === undefined ? [] : [service])))
        .split('\n')
        .filter((line) => line !== '')
      return JSON.parse(await docker('inspect', ...ids)) as Inspected[]
    },
    until: async (look, withinMs, what) => {
      const deadline = performance.now() + withinMs
      for (;;) {
        const seen = await look()
        if (seen !== undefined) return seen
        if (performance.now() > deadline) {
          throw new Error(
            `${what}: not within ${withinMs} ms\n${await compose('logs', '--tail', '40', 'serve', 'work')}`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
  }
}
