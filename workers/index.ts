import { createRegistry } from '../src/engine/registry.ts'
import type { CallContext } from './call-context.ts'
import { call } from './workflows/call.ts'

/** Every workflow of the program; one line each. */
export const registry = createRegistry<CallContext>([call])
