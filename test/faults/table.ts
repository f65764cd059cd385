import { f01 } from './f01-kill-serve.ts'
import { f02 } from './f02-kill-worker.ts'
import { f18 } from './f18-applied-then-failed.ts'
import { f21 } from './f21-storm-of-429.ts'
import type { Fault } from './harness/fault.ts'

/** Every fault there is, in the order of the goal sheet. */
export const faults: readonly Fault[] = [f01, f02, f18, f21]
