import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A store that tests may use, and in fault tests kill. */
export interface StoreServer {
  readonly url: string
  /** Where it came from, for the log: an address that was given, a container, a local binary. */
  readonly origin: string
  /** Where its files lie on this machine; absent where they do not. */
  readonly folder?: string
  /** kill -9, then waits until it is dead; absent where the server is not ours to kill. */
  readonly kill?: () => Promise<void>
  /** Makes it silent while its connections stay open (a black hole); the answer undoes it. */
  readonly pause?: () => Promise<() => Promise<void>>
  /** Starts it again on the same port with the same data, and waits until it answers. */
  readonly restart?: () => Promise<void>
  stop(): Promise<void>
}

/** The machine can have no such server; `message` says what was looked for. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

export function findBinary(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const packaged = '/usr/lib/postgresql'
  if (existsSync(packaged)) {
    const versions = readdirSync(packaged).sort((left, right) => Number(right) - Number(left))
    folders.push(...versions.map((version) => join(packaged, version, 'bin')))
  }
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port was given')
  return address.port
}

export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** Postgres refuses to run as root: then it runs as the account its package made, or as nobody. */
export function accountForServers(): Account {
  if (process.getuid?.() !== 0) return {}
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new StoreUnavailable('this is root, and there is no account "postgres" or "nobody" to run a server as')
}

export function makeFolder(prefix: string, account: Account = {}): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), prefix))
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid)
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) }
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  /** The end of what it wrote, for the message when it does not start. */
  output(): string
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts a program that must not outlive this process. */
export function run(command: string, args: readonly string[], account: Account = {}): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...account })
  children.add(child)
  let written = ''
  const keep = (chunk: Buffer) => {
    written = `${written}${chunk.toString()}`.slice(-4_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      written += error.message
      resolve()
    })
    child.once('exit', () => {
      children.delete(child)
      resolve()
    })
  })
  return { child, ended, output: () => written }
}

/** Repeats a look at a condition until it holds; the program ending first, or time running out, is an error with its words. */
export async function until(
  probe: () => Promise<unknown>,
  running: Running,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let ended = false
  running.ended.then(() => {
    ended = true
  })
  for (;;) {
    try {
      await probe()
      return
    } catch (error) {
      if (ended || Date.now() > deadline)
        throw new Error(`${what} did not start: ${running.output()}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}
