import { setTimeout as wait } from 'node:timers/promises'
import { isRecordAway } from '../db/record-away.ts'
import type { ClosedGate, Closing } from './gates.ts'

export interface HeldClosings {
  /** Writes it; what the record cannot take just now is held and written as soon as it can. */
  close(keyId: string, name: string, closing: Closing): Promise<void>
  /** Of the named gates, the one that this process knows to be closed although the record was not told yet. */
  find(keyId: string, names: readonly string[]): ClosedGate | null
}

/** Sooner than any other process asks the record again (ms): what opens first must find the gate closed. */
const tryAgainMs = 25

/**
 * A refusal that is heard while the record is away must not be forgotten with the statement that failed: until it can be written, this
 * process keeps to it by itself, and then all do.
 */
export function holdClosings(
  write: (keyId: string, name: string, closing: Closing) => Promise<void>,
  now: () => number = () => performance.now(),
): HeldClosings {
  const held = new Map<string, { keyId: string; name: string; closing: Closing; until: number }>()

  const left = (until: number): number | null => (until === Number.POSITIVE_INFINITY ? null : until - now())

  const writeHeld = async (id: string) => {
    for (let one = held.get(id); one !== undefined; one = held.get(id)) {
      await wait(tryAgainMs, undefined, { ref: false })
      const forMs = left(one.until)
      try {
        if (forMs === null || forMs > 0) await write(one.keyId, one.name, { ...one.closing, forMs })
      } catch (error) {
        if (isRecordAway(error)) continue
      }
      // A longer one may have been heard meanwhile.
      if (held.get(id) === one) held.delete(id)
    }
  }

  return {
    close: async (keyId, name, closing) => {
      const until = closing.forMs === null ? Number.POSITIVE_INFINITY : now() + closing.forMs
      try {
        await write(keyId, name, closing)
      } catch (error) {
        if (!isRecordAway(error)) throw error
        const id = `${keyId} ${name}`
        const known = held.get(id)
        if (known !== undefined && known.until >= until) return
        held.set(id, { keyId, name, closing, until })
        if (known === undefined) void writeHeld(id)
      }
    },
    find: (keyId, names) => {
      for (const name of ['key', ...names]) {
        const one = held.get(`${keyId} ${name}`)
        if (one === undefined) continue
        const opensInMs = left(one.until)
        if (opensInMs !== null && opensInMs <= 0) continue
        const { class: failureClass, message, hint } = one.closing
        return { keyId, name, class: failureClass, message, hint, opensInMs }
      }
      return null
    },
  }
}
