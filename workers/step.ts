import { defineStep } from '../src/engine/define.ts'
import type { CallContext } from './call-context.ts'

/** Defines a step of this program's workflows. */
export const step = defineStep<CallContext>()
