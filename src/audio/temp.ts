import { randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Tells this process's folders from those of an earlier one with the same pid: in a container it is always 1. */
const TOKEN = randomBytes(4).toString('hex')
const OWN_NAME = /^(?:job|cache)-(\d+)-([0-9a-f]{8})(?:-|$)/

let counter = 0

/**
 * Runs `use` with a fresh folder under `root` that only this process's user may read; it is removed whatever happens. Made when it is
 * first asked for: most steps never do.
 */
export async function withTempDir<T>(root: string, use: (folder: () => Promise<string>) => Promise<T>): Promise<T> {
  let made: Promise<string> | null = null
  const make = async () => {
    const folder = join(root, `job-${process.pid}-${TOKEN}-${++counter}`)
    await mkdir(root, { recursive: true })
    await mkdir(folder, { mode: 0o700 })
    return folder
  }
  try {
    return await use(() => (made ??= make()))
  } finally {
    const folder = await (made as Promise<string> | null)?.catch(() => null)
    if (folder != null) await rm(folder, { recursive: true, force: true })
  }
}

/** Removes what processes that are gone left under `root`; to be called once at start. Returns how many folders went. */
export async function removeLeftovers(root: string): Promise<number> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const dead = names.filter((name) => {
    const owner = OWN_NAME.exec(name)
    if (!owner) return false
    const pid = Number(owner[1])
    return pid === process.pid ? owner[2] !== TOKEN : !isAlive(pid)
  })
  await Promise.all(dead.map((name) => rm(join(root, name), { recursive: true, force: true })))
  return dead.length
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Recordings by the hash of their bytes, for the steps of one run on one machine: a fetch saved, never a need. */
export interface RecordingCache {
  /** Puts the recording at `target` (a file that is not there yet); false where it is not in the cache. */
  get(sha256: string, target: string, runId: string): Promise<boolean>
  /**
   * The recording at a path in `folder`: from the cache, else by `fetch`, which gives the path it has fetched it to (null = it is another
   * recording by now). Parts of one recording that want it at the same time wait for one fetch.
   */
  bring(sha256: string, folder: string, runId: string, fetch: () => Promise<string | null>): Promise<string | null>
  /** Takes the file in; the caller keeps its own and may remove it. */
  put(sha256: string, path: string, runId: string): Promise<void>
  /** The run has ended: recordings that no other run has used go. */
  drop(runId: string): Promise<void>
  /** Runs that recordings are held for. */
  runs(): string[]
  /** Bytes now held. */
  size(): number
}

interface Held {
  readonly bytes: number
  readonly runs: Set<string>
}

/**
 * A cache of at most `maxBytes` under `root`, least recently used out first. Files go in and out as hard links, so
 * that nothing is copied and an eviction never takes a file from under its reader.
 */
export function createRecordingCache(options: { root: string; maxBytes: number }): RecordingCache {
  const folder = join(options.root, `cache-${process.pid}-${TOKEN}-${++counter}`)
  // A Map keeps the order of insertion: the first is the one longest unused.
  const held = new Map<string, Held>()
  const total = () => [...held.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  const pathOf = (sha256: string) => {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError(`Not a SHA-256 in hex: ${sha256.slice(0, 80)}`)
    return join(folder, sha256)
  }
  const evict = async (sha256: string) => {
    held.delete(sha256)
    await rm(pathOf(sha256), { force: true })
  }

  const fetching = new Map<string, Promise<unknown>>()
  const cache: RecordingCache = {
    async bring(sha256, folder, runId, fetch) {
      const target = join(folder, 'cached')
      for (;;) {
        if (await cache.get(sha256, target, runId)) return target
        const underWay = fetching.get(sha256)
        if (underWay === undefined) break
        await underWay
      }
      const mine = (async () => {
        const path = await fetch()
        if (path !== null) await cache.put(sha256, path, runId)
        return path
      })()
      // Whoever waits looks into the cache again, and fetches for itself where this has failed.
      fetching.set(
        sha256,
        mine.catch(() => undefined).finally(() => fetching.delete(sha256)),
      )
      return await mine
    },
    async get(sha256, target, runId) {
      const path = pathOf(sha256)
      const entry = held.get(sha256)
      if (!entry) return false
      held.delete(sha256)
      held.set(sha256, entry)
      entry.runs.add(runId)
      try {
        await linkOrCopy(path, target)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        held.delete(sha256)
        return false
      }
    },
    async put(sha256, path, runId) {
      const place = pathOf(sha256)
      const known = held.get(sha256)
      if (known) {
        known.runs.add(runId)
        return
      }
      const { size } = await stat(path)
      if (size > options.maxBytes) return
      await mkdir(folder, { recursive: true, mode: 0o700 })
      try {
        await linkOrCopy(path, place)
      } catch (error) {
        // Two steps may put the same recording at once: it is the same bytes.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const runs = held.get(sha256)?.runs ?? new Set<string>()
      held.set(sha256, { bytes: size, runs: runs.add(runId) })
      for (const oldest of [...held.keys()]) {
        if (total() <= options.maxBytes) break
        if (oldest !== sha256) await evict(oldest)
      }
    },
    async drop(runId) {
      for (const [sha256, { runs }] of [...held]) {
        if (runs.delete(runId) && runs.size === 0) await evict(sha256)
      }
    },
    runs: () => [...new Set([...held.values()].flatMap((entry) => [...entry.runs]))],
    size: total,
  }
  return cache
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
    try {
      await copyFile(from, to)
    } catch (failed) {
      // Half a copy (the disk is full) must not stand there as the recording.
      if ((failed as NodeJS.ErrnoException).code !== 'EEXIST') await rm(to, { force: true })
      throw failed
    }
  }
}
