/** A child run to be created; its key is unique in its workflow, so that a page read twice creates nothing twice. */
export interface ChildRun {
  readonly workflow: string
  readonly key: string
  readonly input: unknown
}

const mark: unique symbol = Symbol('page')

/** What a paging step returns: child runs, and where to go on (`cursor: null` = this was the last page). */
export interface Page {
  readonly [mark]: true
  readonly children: readonly ChildRun[]
  readonly cursor: unknown
  /** The step's own output, stored when all children have ended; needed with the last page. */
  readonly output: unknown
  readonly delayMs: number
}

export function page(parts: {
  children: readonly ChildRun[]
  cursor: unknown
  output?: unknown
  delayMs?: number
}): Page {
  return {
    [mark]: true,
    children: parts.children,
    cursor: parts.cursor,
    output: parts.output ?? null,
    delayMs: parts.delayMs ?? 0,
  }
}

export function isPage(value: unknown): value is Page {
  return typeof value === 'object' && value !== null && mark in value
}
