import type { LogFn, Logger } from 'pino'

/** Of one sentence this many lines are written at once, and then one that counts the rest. */
const kept = 5
const windowMs = 10_000

type Arguments = Parameters<LogFn>

function facts(args: Arguments): { sentence: string; outcome: unknown; class: unknown } {
  const [first, second] = args as unknown[]
  const object = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : {}
  return {
    sentence: String(typeof first === 'string' ? first : second),
    outcome: object['outcome'],
    class: object['class'],
  }
}

/**
 * A pino hook: an outage that each of a hundred steps runs into is told five times and then counted, or its lines would bury what else
 * is wrong. Lines are the same by level, sentence, outcome and class; what happened to each call stands in the record.
 */
export function sampleLines(): (this: Logger, args: Arguments, method: LogFn, level: number) => void {
  const windows = new Map<string, { written: number; more: number }>()
  return function sampled(args, method, level) {
    const { sentence, ...rest } = facts(args)
    const id = `${level} ${sentence} ${String(rest.outcome)} ${String(rest.class)}`
    const known = windows.get(id)
    if (known !== undefined && known.written >= kept) {
      known.more += 1
      return
    }
    if (known !== undefined) known.written += 1
    else {
      const opened = { written: 1, more: 0 }
      windows.set(id, opened)
      setTimeout(() => {
        windows.delete(id)
        if (opened.more === 0) return
        method.call(this, { ...rest, more: opened.more, withinMs: windowMs }, sentence)
      }, windowMs).unref()
    }
    method.apply(this, args)
  }
}
