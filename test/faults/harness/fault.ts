import type { Bed, BedOptions, Subject } from './bed.ts'
import type { Verdict } from './verdict.ts'

export interface Outcome {
  readonly verdict: Verdict
  /** From the heal (or the kill) until things went on, ms; null where the fault has no such moment. */
  readonly recoveryMs: number | null
  /** Figures that the row promises, in words. */
  readonly notes: readonly string[]
  /** What was promised by this row and not kept. */
  readonly broken: readonly string[]
}

export interface Fault {
  readonly id: string
  readonly injected: string
  readonly expected: string
  /** Null: the naive pipeline has nothing that this could be tried on; the text says why. */
  readonly naive: true | string
  /** Most of it is waiting, so both subjects run at once, each in a bed of its own: the table is made in less time. */
  readonly sideBySide?: true
  /** What this machine must have; a text when it has not, said loudly instead of run. */
  readonly missing?: () => string | null
  bed?(subject: Subject): BedOptions
  /** Opens its own beds where one is not enough. */
  run(bed: Bed): Promise<Outcome>
}

/** Collects what a row promises beyond the invariants. */
export function promises() {
  const notes: string[] = []
  const broken: string[] = []
  return {
    notes,
    broken,
    note: (text: string) => void notes.push(text),
    /** Kept or broken, in one sentence with its figure. */
    expect: (held: boolean, sentence: string) => {
      if (held) notes.push(sentence)
      else broken.push(sentence)
    },
  }
}
