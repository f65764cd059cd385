import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { asJavaScript } from '../test/support/as-javascript.ts'
import { nodeOptions } from '../test/support/node-options.ts'

/** What a measured process says of itself; CPU since its start, loop delay since it was last asked. */
export interface Usage {
  readonly cpuMs: number
  readonly rssMb: number
  readonly heapMb: number
  readonly loopP99Ms: number
  readonly loopMaxMs: number
  readonly files: number
}

export interface Measured {
  readonly child: ChildProcess
  usage(): Promise<Usage>
  /** The next message the process sends that is no usage; rejects when it ends first. */
  answer<Value>(): Promise<Value>
  stop(): Promise<void>
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
// Ctrl-C ends the process by way of `exit`, so that nothing it started outlives it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const measuring = asJavaScript(new URL('measured-process.ts', import.meta.url))
const compiled = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url))

/** A node process of ours; `.ts` files run as they are (Node strips the types). */
export function startNode(file: string, args: readonly string[], environment: Record<string, string> = {}): Measured {
  const profile = process.env['BENCH_PROFILE_DIR']
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const child = spawn(process.execPath, [...nodeOptions, ...profiling, '--import', measuring, file, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  children.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (piece: Buffer) => {
      said = `${said}${piece.toString()}`.slice(-4_000)
    })
  }
  child.once('exit', () => children.delete(child))
  const next = async (wanted: (message: object) => boolean): Promise<unknown> => {
    const ended = new AbortController()
    try {
      return await new Promise((resolve, reject) => {
        const hear = (message: unknown) => {
          if (typeof message === 'object' && message !== null && wanted(message)) resolve(message)
        }
        const gone = () => reject(new Error(`${file} ended: ${said}`))
        child.on('message', hear)
        child.on('exit', gone)
        if (child.exitCode !== null) gone()
        ended.signal.addEventListener('abort', () => child.off('message', hear).off('exit', gone))
      })
    } finally {
      ended.abort()
    }
  }
  return {
    child,
    usage: async () => {
      const heard = next((message) => 'cpuMs' in message)
      child.send('usage')
      return (await heard) as Usage
    },
    answer: async <Value>() => (await next((message) => !('cpuMs' in message))) as Value,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 8_000)
      await gone
      clearTimeout(late)
    },
  }
}

/** The program as it ships: compiled, without tsx. */
export function startProgram(args: readonly string[], environment: Record<string, string>): Measured {
  if (!existsSync(compiled)) throw new Error('dist/ is missing: run `npm run build` first (the bench scripts do)')
  return startNode(compiled, args, environment)
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Looks until the answer is there; rejects with `what` after `withinMs`. */
export async function until<Value>(
  look: () => Promise<Value | null | false | undefined>,
  what: string,
  withinMs = 60_000,
): Promise<Value> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look().catch(() => null)
    if (seen !== null && seen !== false && seen !== undefined) return seen
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await pause(50)
  }
}
