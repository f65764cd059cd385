import { createHash, randomBytes } from 'node:crypto'
import { chmod, link, lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'

/** The folder is ours, until `release` or the end of the process, however it ends. */
export interface Owner {
  readonly kind: 'owner'
  /** From now on others that want the folder are told to talk to this address with this token. */
  publish(url: string, token: string): void
  release(): Promise<void>
}

/** Another process has the folder, and says how to talk to it. */
export interface Held {
  readonly kind: 'held'
  readonly url: string
  readonly token: string
}

type Look =
  | { readonly kind: 'published'; readonly url: string; readonly token: string }
  /** Somebody lives there and has not said where (starting, a short command, or frozen). */
  | { readonly kind: 'silent'; readonly pid: number | null }
  | { readonly kind: 'nobody' }

/** Socket addresses hold about 104 bytes on the narrowest system. */
const maxPathLength = 100
const patienceMs = 3_000
const lookEveryMs = 50
/** Names of dead owners that are left standing, so that a process with an old listing still sees a higher number. */
const keptNames = 16

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Takes the folder, or finds out who has it: two processes on one PGlite folder lose data without an error.
 * Throws `UsageError` (exit 78) when somebody holds it and does not answer within `patienceMs`.
 */
export async function holdFolder(dataDir: string, options: { patienceMs?: number } = {}): Promise<Owner | Held> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const place = await findPlace(await realpath(dataDir))
  const patience = options.patienceMs ?? patienceMs
  const deadline = performance.now() + patience
  let pid: number | null = null
  for (;;) {
    const tried = await place.claim()
    if ('server' in tried) return owner(tried.server, tried.said)
    if (tried.look.kind === 'published') return { kind: 'held', url: tried.look.url, token: tried.look.token }
    if (tried.look.kind === 'silent') pid = tried.look.pid ?? pid
    if (performance.now() >= deadline) {
      throw new UsageError(
        `The folder ${dataDir} is in use by another process${pid === null ? '' : ` (${pid})`}, which does not answer.`,
        {
          exitCode: 78,
          hint: 'Wait for it to end, or stop it; for several processes at once use a database server (DATABASE_URL).',
        },
      )
    }
    await delay(lookEveryMs)
  }
}

function owner(server: Server, said: { url: string | null; token: string | null }): Owner {
  return {
    kind: 'owner',
    publish: (url, token) => Object.assign(said, { url, token }),
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

interface Place {
  claim(): Promise<{ server: Server; said: { url: string | null; token: string | null } } | { look: Look }>
}

async function findPlace(folder: string): Promise<Place> {
  const short = createHash('sha256').update(folder).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return pipePlace(`\\\\.\\pipe\\callsift-${short}`)
  if (Buffer.byteLength(join(folder, 'owner-000000000-000000000000.sock')) <= maxPathLength) return socketPlace(folder)
  const elsewhere = join(tmpdir(), `callsift-${short}`)
  await mkdir(elsewhere, { recursive: true, mode: 0o700 })
  const facts = await lstat(elsewhere)
  if (!facts.isDirectory() || facts.uid !== process.getuid?.()) {
    throw new UsageError(`${elsewhere} belongs to somebody else.`, {
      exitCode: 78,
      hint: 'Choose a CALLSIFT_DATA with a shorter path.',
    })
  }
  return socketPlace(elsewhere)
}

/** A named pipe ends with its process, and only one can listen on it. */
function pipePlace(path: string): Place {
  return {
    claim: async () => {
      const said = { url: null, token: null }
      try {
        return { server: await listen(path, said), said }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
        return { look: await look(path) }
      }
    },
  }
}

/**
 * A socket's name outlives its process, and removing a dead one by name could remove the living one that just took its place.
 * So names are numbered and the highest counts: whoever finds it dead links a listening socket of his own to the next number,
 * which only one can, and looks once more whether a higher one stands by now. The highest name is never removed.
 */
function socketPlace(folder: string): Place {
  const highest = async () => Math.max(0, ...(await numbers(folder)))
  const pathOf = (n: number) => join(folder, `owner-${n}.sock`)
  return {
    claim: async () => {
      const standing = await highest()
      const seen: Look = standing === 0 ? { kind: 'nobody' } : await look(pathOf(standing))
      if (seen.kind !== 'nobody') return { look: seen }
      const own = join(folder, `owner-${randomBytes(6).toString('hex')}.new`)
      const said = { url: null, token: null }
      const server = await listen(own, said)
      await chmod(own, 0o600)
      const mine = standing + 1
      const won = await linkOnce(own, pathOf(mine))
      await rm(own, { force: true })
      if (won && (await highest()) === mine) {
        for (const n of await numbers(folder)) if (n <= mine - keptNames) await rm(pathOf(n), { force: true })
        return { server, said }
      }
      await new Promise((resolve) => server.close(resolve))
      return { look: { kind: 'nobody' } }
    },
  }
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder)
  return names.map((name) => Number(/^owner-([1-9]\d{0,8})\.sock$/.exec(name)?.[1] ?? 0)).filter((n) => n > 0)
}

async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function listen(path: string, said: { url: string | null; token: string | null }): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(JSON.stringify({ pid: process.pid, ...said }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  // The lock alone keeps no process alive.
  server.unref()
  return server
}

async function look(path: string): Promise<Look> {
  return await new Promise((resolve, reject) => {
    const socket = createConnection(path)
    let text = ''
    const timer = setTimeout(() => settle({ kind: 'silent', pid: null }), 1_000)
    const settle = (seen: Look) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(seen)
    }
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => {
      text += piece
    })
    socket.on('end', () => settle(readSaid(text)))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return settle({ kind: 'nobody' })
      // It lives and is busy, or it died between our connecting and its answer: looked at again.
      if (error.code === 'EAGAIN' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
        return settle({ kind: 'silent', pid: null })
      clearTimeout(timer)
      reject(error)
    })
  })
}

function readSaid(text: string): Look {
  try {
    const said = JSON.parse(text) as { pid?: unknown; url?: unknown; token?: unknown }
    if (typeof said.url === 'string' && typeof said.token === 'string')
      return { kind: 'published', url: said.url, token: said.token }
    return { kind: 'silent', pid: typeof said.pid === 'number' ? said.pid : null }
  } catch {
    return { kind: 'silent', pid: null }
  }
}
