import { setTimeout as wait } from 'node:timers/promises'
import { isRecordAway } from '../db/record-away.ts'
import type { Stopping } from './stopping.ts'

const lookEveryMs = 1_000

/**
 * Opens what stands on the database, again and again for up to `waitMs` while that does not answer: whoever starts beside a database
 * that starts too, or comes back from a crash, need not be started twice. `open` leaves nothing behind when it fails. Null = asked to
 * stop meanwhile; what else goes wrong, and the last failure, is thrown.
 */
export async function whenRecordAnswers<Opened>(
  open: () => Promise<Opened>,
  options: { waitMs: number; stopping: Stopping; say: (text: string) => void },
): Promise<Opened | null> {
  const until = performance.now() + options.waitMs
  let stopped = false
  void options.stopping.asked.then(() => {
    stopped = true
  })
  for (let look = 1; !stopped; look += 1) {
    try {
      return await open()
    } catch (error) {
      if (!isRecordAway(error) || performance.now() + lookEveryMs > until) throw error
      if (look === 1) options.say(`The database does not answer; waiting for it, up to ${options.waitMs / 1000} s.`)
    }
    await Promise.race([wait(lookEveryMs), options.stopping.asked])
  }
  return null
}
