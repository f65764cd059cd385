/** What was looked up in the record, believed for a while. */
export interface Memory<Value> {
  /** Whoever asks while it is looked up waits for the same look-up. */
  read(asked: string): Promise<Value>
  /** It was changed here: what is being looked up now may be of before, and is not kept either. */
  forget(asked: string): void
}

interface Options {
  /** From when it was asked for. */
  readonly trustMs: number
  /** A flood of names must not fill the memory. */
  readonly most: number
  readonly now: () => number
  /** What stands in the memory in place of what was asked for. */
  readonly nameOf?: (asked: string) => string
}

export function createMemory<Value>(look: (asked: string) => Promise<Value>, options: Options): Memory<Value> {
  const { trustMs, most, now, nameOf = (asked) => asked } = options
  const known = new Map<string, { readonly value: Promise<Value>; readonly untilMs: number }>()
  return {
    read: (asked) => {
      const name = nameOf(asked)
      const entry = known.get(name)
      if (entry !== undefined && entry.untilMs > now()) return entry.value
      if (known.size >= most) known.clear()
      const fresh = { value: look(asked), untilMs: now() + trustMs }
      known.set(name, fresh)
      fresh.value.catch(() => {
        if (known.get(name) === fresh) known.delete(name)
      })
      return fresh.value
    },
    forget: (asked) => void known.delete(nameOf(asked)),
  }
}
