import type { Command } from 'commander'
import { addDemo } from './demo.ts'
import { addSandbox } from './sandbox.ts'
import { addServe } from './serve.ts'
import type { Terminal } from './terminal.ts'
import { addWork } from './work.ts'

/** Every verb of the program, in the order of `--help`; one line each. A verb's heavy parts are imported when it runs. */
export const verbs: readonly ((program: Command, terminal: Terminal) => void)[] = [
  addDemo,
  addServe,
  addWork,
  addSandbox,
]
