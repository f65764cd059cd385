import { mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { App } from '../../context.ts'
import { findCallId } from '../../db/calls.ts'
import { repeat } from '../../repeat.ts'

export interface Sound {
  readonly bytes: number
  /** Bytes `from` to `to`, both included. */
  read(from: number, to: number): Readable
  /** To be called when it is not read after all. */
  close(): Promise<void>
}

export interface AudioSpool {
  /** The call's recording; null where there is none. Fetched once for all who listen, through the portal's gates and slot. */
  open(callId: string): Promise<Sound | null>
  /** Whether a copy is here, or on its way. */
  holds(callId: string): boolean
  stop(): Promise<void>
}

interface Held {
  readonly path: string
  readonly bytes: number
  usedAt: number
}

/** Nobody pauses for longer and goes on; what is older is fetched anew. */
const idleMs = 10 * 60_000
const lookEveryMs = 5_000
const mostBytes = 512 * 1024 * 1024

/**
 * Recordings of those who listen now, in a folder of this process that only its user may read. A player asks for many small ranges; each
 * passed on would take the portal's one slot for bytes from the steps. A call that was erased goes from here within seconds.
 */
export function createAudioSpool(app: App): AudioSpool {
  const held = new Map<string, Held>()
  const fetching = new Map<string, Promise<Held | null>>()
  const stopping = new AbortController()
  let folder: Promise<string> | null = null

  const drop = async (callId: string) => {
    const one = held.get(callId)
    held.delete(callId)
    if (one !== undefined) await rm(one.path, { recursive: true, force: true })
  }
  const fetchOne = async (callId: string): Promise<Held | null> => {
    folder ??= mkdtemp(join(tmpdir(), 'callsift-player-'))
    const own = await mkdtemp(join(await folder, 'call-'))
    await mkdir(own, { recursive: true, mode: 0o700 })
    try {
      const found = await app.openRecording(callId, own, stopping.signal)
      if (found === null) {
        await rm(own, { recursive: true, force: true })
        return null
      }
      const { size } = await stat(found.path)
      const one = { path: found.path, bytes: size, usedAt: performance.now() }
      held.set(callId, one)
      return one
    } catch (error) {
      await rm(own, { recursive: true, force: true })
      throw error
    }
  }
  const makeRoom = async () => {
    const byUse = [...held].sort(([, one], [, other]) => one.usedAt - other.usedAt)
    let sum = byUse.reduce((all, [, one]) => all + one.bytes, 0)
    for (const [callId, one] of byUse) {
      const erased = (await findCallId(app.db, callId)) === null
      if (!erased && performance.now() - one.usedAt < idleMs && sum <= mostBytes) continue
      sum -= one.bytes
      await drop(callId)
    }
  }
  const tidying = repeat('letting go of what was listened to', lookEveryMs, app.log, makeRoom)

  return {
    open: async (callId) => {
      let one: Held | null | undefined = held.get(callId)
      if (one === undefined) {
        const underWay = fetching.get(callId) ?? fetchOne(callId).finally(() => fetching.delete(callId))
        fetching.set(callId, underWay)
        one = await underWay
      }
      if (one === null) return null
      one.usedAt = performance.now()
      // Open before it can be let go of: whoever reads, reads to the end.
      const file = await open(one.path, 'r')
      return {
        bytes: one.bytes,
        read: (from, to) => file.createReadStream({ start: from, end: to, autoClose: true }),
        close: () => file.close(),
      }
    },
    holds: (callId) => held.has(callId) || fetching.has(callId),
    stop: async () => {
      stopping.abort()
      await tidying.stop()
      await Promise.all([...fetching.values()].map((one) => one.catch(() => null)))
      if (folder !== null) await rm(await folder, { recursive: true, force: true })
    },
  }
}
