import { isRecordAway } from '../db/record-away.ts'
import { isStepFailure, Later, UsageError } from '../errors.ts'
import { failureOf } from '../vibecode/failure-error.ts'
import { exitCodes } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/** What went wrong, as an operation in another process told it. */
export class OperationFailed extends Error {
  override name = 'OperationFailed'
  readonly hint: string | undefined
  readonly exitCode: number
  constructor(message: string, options: { hint?: string | undefined; exitCode: number }) {
    super(message)
    this.hint = options.hint
    this.exitCode = options.exitCode
  }
}

interface Told {
  readonly message: string
  readonly hint: string | undefined
  readonly exitCode: number
  /** A fault of the program, not of its surroundings: its stack is worth showing. */
  readonly bug: boolean
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EPIPE',
  'UND_ERR_CONNECT_TIMEOUT',
])

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  // Node tries all addresses of a name and reports them together.
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return codeOf(error.cause)
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}

/** Reads any error as one sentence, its mend and the exit code. */
export function tellFailure(error: unknown): Told {
  if (error instanceof UsageError || error instanceof OperationFailed) {
    return { message: error.message, hint: error.hint, exitCode: error.exitCode, bug: false }
  }
  if (isStepFailure(error)) {
    const needsPerson = failureOf(error)?.needsPerson ?? false
    const exitCode =
      error instanceof Later ? exitCodes.tryLater : needsPerson ? exitCodes.configuration : exitCodes.unavailable
    return { message: error.message, hint: error.hint, exitCode, bug: false }
  }
  const code = codeOf(error)
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    const hint =
      code === 'EADDRINUSE'
        ? 'Another program listens there: choose another with --port.'
        : 'This user may not: choose another port or folder.'
    return { message: messageOf(error), hint, exitCode: exitCodes.configuration, bug: false }
  }
  if (code !== undefined && unreachable.has(code)) {
    const hint = 'Check DATABASE_URL, REDIS_URL and VIBECODE_BASE_URL, and that what they name is running.'
    return { message: `No connection: ${messageOf(error)}.`, hint, exitCode: exitCodes.unavailable, bug: false }
  }
  // Postgres: class 08 connection, 28 authorization, 3D no such database, 57P0x shutting down.
  if (code !== undefined && /^(08|28|3D|57P)/.test(code) && code.length === 5) {
    return {
      message: `The database refused: ${messageOf(error)}.`,
      hint: 'Check DATABASE_URL.',
      exitCode: exitCodes.unavailable,
      bug: false,
    }
  }
  if (isRecordAway(error)) {
    return {
      message: `The database does not answer: ${messageOf(error)}.`,
      hint: 'Check DATABASE_URL, and that the database runs and has connections left.',
      exitCode: exitCodes.unavailable,
      bug: false,
    }
  }
  return {
    message: messageOf(error),
    hint: 'This looks like a fault in Callsift: run it again with --verbose and report what it shows.',
    exitCode: exitCodes.failed,
    bug: true,
  }
}

/** One sentence and its mend; the stack only for those who asked for it. Returns the exit code. */
export function printFailure(terminal: Terminal, error: unknown, verbose: boolean): number {
  const told = tellFailure(error)
  terminal.note(`${terminal.paint('red', 'callsift:')} ${told.message}`)
  if (told.hint !== undefined) terminal.note(`  ${told.hint}`)
  if (verbose && error instanceof Error && error.stack !== undefined) terminal.note(error.stack)
  return told.exitCode
}
