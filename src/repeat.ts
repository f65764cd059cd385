import type { Log } from './log.ts'

/** Runs `work` every `everyMs`, never twice at once; a failure is logged and the next round tries again. */
export function repeat(name: string, everyMs: number, log: Log, work: () => Promise<void>): { stop(): Promise<void> } {
  let current: Promise<void> | null = null
  const timer = setInterval(() => {
    current ??= work()
      .catch((error: unknown) => log.warn({ error: String(error) }, `${name} failed; the next round tries again`))
      .finally(() => {
        current = null
      })
  }, everyMs)
  return {
    stop: async () => {
      clearInterval(timer)
      await current
    },
  }
}
