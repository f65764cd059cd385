import type { App } from '../context.ts'
import { type BulkRetry, readBulkRetries } from '../db/bulk-retries.ts'
import { listBegun, listChanges, listEnded, readNewestAttempt, readSequence } from '../db/changes.ts'

/** Ids only: whoever wants to see more asks for it, and rights are checked there. */
export interface ChangeEvent {
  /** Where a watcher that lost its connection goes on. */
  readonly sequence: string
  readonly calls: readonly string[]
  readonly bulks: readonly { readonly id: string; readonly done: number; readonly total: number }[]
}

export interface ChangeHub {
  /** Tells of changes from now on; returns how to end it. */
  watch(tell: (event: ChangeEvent) => void): () => void
  /** What changed since a sequence; null where that is too long ago to be told one by one. */
  since(sequence: string): Promise<ChangeEvent | null>
  now(): Promise<string>
  stop(): Promise<void>
}

const pollMs = 150
/** A transaction is stamped with its beginning: one that took this long to commit is still seen. */
const lookBackMicros = 5_000_000n
const longestAbsenceMicros = 600_000_000n
const most = 1_000

/**
 * Asks the record what has changed, some times a second and only while somebody watches: the steps themselves tell nobody anything, so
 * being watched costs them nothing.
 */
export function createChangeHub(app: App): ChangeHub {
  const watchers = new Set<(event: ChangeEvent) => void>()
  let timer: NodeJS.Timeout | null = null
  let current: Promise<void> | null = null
  let sequence = 0n
  let newestAttempt = '0'
  /** When each call of the last seconds was told of. */
  const told = new Map<string, string>()
  const open = new Map<string, string>()
  let bulksBefore = new Map<string, number>()
  let rounds = 0

  const begin = async () => {
    sequence = BigInt(await readSequence(app.db))
    newestAttempt = await readNewestAttempt(app.db)
    told.clear()
    open.clear()
  }

  const lookAtRuns = async (changed: Set<string>) => {
    const from = sequence - lookBackMicros
    for (const { callId, at } of await listChanges(app.db, String(from), most)) {
      if (told.get(callId) === at) continue
      told.set(callId, at)
      changed.add(callId)
      if (BigInt(at) > sequence) sequence = BigInt(at)
    }
    for (const [callId, at] of told) if (BigInt(at) < from) told.delete(callId)
  }

  /** A claim and a wait leave the run as it is; they show in the attempts, whose ids are a sequence. */
  const lookAtAttempts = async (changed: Set<string>) => {
    for (const { callId, attempt } of await listBegun(app.db, newestAttempt, most)) {
      newestAttempt = attempt
      open.set(attempt, callId)
      changed.add(callId)
    }
    for (const attempt of await listEnded(app.db, [...open.keys()].slice(-most))) {
      changed.add(open.get(attempt) ?? '')
      open.delete(attempt)
    }
  }

  const lookAtBulks = async (): Promise<BulkRetry[]> => {
    const now = await readBulkRetries(app.db, { open: true, limit: 20 })
    const ended: BulkRetry[] = []
    for (const id of bulksBefore.keys())
      if (!now.some((one) => one.id === id)) ended.push(...(await readBulkRetries(app.db, { id, limit: 1 })))
    const moved = now.filter((one) => bulksBefore.get(one.id) !== one.done)
    bulksBefore = new Map(now.map((one) => [one.id, one.done]))
    return [...moved, ...ended]
  }

  const poll = async () => {
    const changed = new Set<string>()
    await lookAtRuns(changed)
    await lookAtAttempts(changed)
    // Once a second while none is under way: few retries, many looks.
    rounds += 1
    const looks = bulksBefore.size > 0 || rounds % 5 === 0
    const bulks = looks ? (await lookAtBulks()).map(({ id, done, total }) => ({ id, done, total })) : []
    if (changed.size === 0 && bulks.length === 0) return
    for (const tell of watchers) tell({ sequence: String(sequence), calls: [...changed], bulks })
  }

  const round = () => {
    current ??= (timer === null ? Promise.resolve() : poll())
      .catch((error: unknown) =>
        app.log.debug({ error: String(error) }, 'changes could not be read; the next look tries again'),
      )
      .finally(() => {
        current = null
      })
  }

  return {
    watch: (tell) => {
      watchers.add(tell)
      if (timer === null) {
        timer = setInterval(round, pollMs)
        current = begin()
          .catch(() => undefined)
          .finally(() => {
            current = null
          })
      }
      return () => {
        watchers.delete(tell)
        if (watchers.size > 0 || timer === null) return
        clearInterval(timer)
        timer = null
      }
    },
    since: async (from) => {
      const nowIs = BigInt(await readSequence(app.db))
      if (nowIs - BigInt(from) > longestAbsenceMicros || BigInt(from) > nowIs) return null
      const changes = await listChanges(app.db, String(BigInt(from) - lookBackMicros), most)
      if (changes.length === most) return null
      return { sequence: changes.at(-1)?.at ?? from, calls: [...new Set(changes.map((one) => one.callId))], bulks: [] }
    },
    now: async () => await readSequence(app.db),
    stop: async () => {
      if (timer !== null) clearInterval(timer)
      timer = null
      watchers.clear()
      await current
    },
  }
}
