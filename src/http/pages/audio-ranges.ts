import { setTimeout as wait } from 'node:timers/promises'
import type { App } from '../../context.ts'
import { Later } from '../../errors.ts'
import type { ByteRange, FilePart } from '../../wire/byte-range.ts'

/** So much is passed on at once: minutes of speech as MP3, and little enough to be held in memory for each who listens. */
const mostBytes = 1024 * 1024
/** How long a listener waits for the portal's slot, which a step may hold. */
const patienceMs = 20_000

/** A player's range, where it says from where on; its end, or nothing. Anything else is served from a copy. */
export function readOpenRange(header: string | undefined): { from: number; to: number | null } | null {
  const found = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? '')
  if (found === null) return null
  const from = Number(found[1])
  const to = found[2] === '' ? null : Number(found[2])
  return to !== null && to < from ? null : { from, to }
}

/** Passes on what a player asks for, a bounded piece at a time; players ask for what follows when they need it. */
export function createAudioRanges(app: App) {
  const stopping = new AbortController()
  return {
    /** Null where there is no recording; `whole` where its host knows no ranges. */
    read: async (callId: string, asked: { from: number; to: number | null }): Promise<FilePart | null> => {
      const range: ByteRange = {
        from: asked.from,
        to: Math.min(asked.to ?? Number.MAX_SAFE_INTEGER, asked.from + mostBytes - 1),
      }
      const until = performance.now() + patienceMs
      for (;;) {
        try {
          return await app.readRecordingPart(callId, range, stopping.signal)
        } catch (error) {
          const busy = error instanceof Later && (error.class === 'portal_busy' || error.class === 'paced')
          if (!busy || performance.now() + error.delayMs > until) throw error
          await wait(error.delayMs, undefined, { signal: stopping.signal })
        }
      }
    },
    stop: () => stopping.abort(),
  }
}
