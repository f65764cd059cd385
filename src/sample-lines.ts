import type { LogFn, Logger } from 'pino'

/** Of one sentence this many lines are written at once, and then one that counts the rest. */
const kept = 5
const windowMs = 10_000

/** What makes two lines of one sentence different things; whom they are about does not. */
const telling = ['outcome', 'class', 'kind', 'route'] as const

type Arguments = Parameters<LogFn>

function read(args: Arguments): { sentence: string; facts: Record<string, unknown> } {
  const [first, second] = args as unknown[]
  if (typeof first !== 'object' || first === null) return { sentence: String(first), facts: {} }
  const object = first as Record<string, unknown>
  const facts = Object.fromEntries(telling.flatMap((name) => (name in object ? [[name, object[name]]] : [])))
  return { sentence: String(second), facts }
}

/**
 * A pino hook: an outage that each of a hundred steps runs into is told five times and then counted, or its lines would bury what else
 * is wrong. What happened to each call stands in the record.
 */
export function sampleLines(): (this: Logger, args: Arguments, method: LogFn, level: number) => void {
  const windows = new Map<string, { written: number; more: number }>()
  return function sampled(args, method, level) {
    const { sentence, facts } = read(args)
    const id = `${level} ${sentence} ${JSON.stringify(facts)}`
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
        method.call(this, { ...facts, more: opened.more, withinMs: windowMs }, sentence)
      }, windowMs).unref()
    }
    method.apply(this, args)
  }
}
