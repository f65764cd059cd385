import { z } from 'zod'
import type { App } from '../context.ts'
import { finishAudit, startAudit } from '../db/audit.ts'
import type { Role } from '../db/schema-people.ts'
import { UsageError } from '../errors.ts'

/** Who asks: a user, a token's name, `local` for the owner's own command line. Stands in the audit rows. */
export interface Caller {
  readonly actor: string
  readonly role: Role
}

const ranks: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

export function mayAct(caller: Caller, needed: Role): boolean {
  return ranks[caller.role] >= ranks[needed]
}

/** One thing an operator can do or ask: a CLI verb, an API route and a page all run the same one. */
export interface Operation {
  /** `noun.verb`, e.g. `call.retry`. */
  readonly name: string
  /** One sentence for help texts. */
  readonly summary: string
  readonly input: z.ZodType
  /** What it answers, where that is told to programs; else any object. */
  readonly output: z.ZodType | null
  /** The least role that may. */
  readonly role: Role
  /** Whether it changes anything: every such run leaves an audit row, with how it ended. */
  readonly changes: boolean
  /** `rawInput` must have passed `input`; use `runOperation`. */
  run(app: App, input: unknown, caller: Caller): Promise<Run>
}

/** What an operation answered, and what the audit may know of it. */
export interface Run {
  readonly result: unknown
}

/** A request that can't be met, with what to do about it: 400 bad input, 403 not for this role, 404 unknown, 409 the wrong moment. */
export class OperationError extends UsageError {
  override name = 'OperationError'
  readonly kind: string
  readonly status: number
  constructor(kind: string, status: 400 | 403 | 404 | 409 | 413 | 422, message: string, mend: string) {
    super(message, { hint: mend, exitCode: status === 404 ? 66 : 64 })
    this.kind = kind
    this.status = status
  }
}

interface Definition<Input extends z.ZodType> {
  readonly name: string
  readonly summary: string
  readonly input: Input
  readonly output?: z.ZodType
  /** Where it is not: a viewer may ask, an operator may change. */
  readonly role?: Role
  /** Present on whatever changes something: what it is about, and what of the input may be kept (never a secret). */
  readonly audit?: (input: z.output<Input>) => { subject: string; detail?: Record<string, unknown> }
  run(app: App, input: z.output<Input>, caller: Caller): Promise<unknown>
}

export function defineOperation<Input extends z.ZodType>(definition: Definition<Input>): Operation {
  const { audit } = definition
  return {
    name: definition.name,
    summary: definition.summary,
    input: definition.input,
    output: definition.output ?? null,
    role: definition.role ?? (audit === undefined ? 'viewer' : 'operator'),
    changes: audit !== undefined,
    run: async (app, input, caller) => {
      const known = input as z.output<Input>
      if (audit === undefined) return { result: await definition.run(app, known, caller) }
      const auditId = await startAudit(app.db, { actor: caller.actor, action: definition.name, ...audit(known) })
      try {
        const result = await definition.run(app, known, caller)
        await finishAudit(app.db, auditId, 'done', callSubject(result))
        return { result }
      } catch (error) {
        const reason = error instanceof UsageError ? error.message : 'it failed'
        await finishAudit(app.db, auditId, reason).catch(() => undefined)
        throw error
      }
    },
  }
}

/** A call may be named in three ways; its audit rows stand under one. */
function callSubject(result: unknown): string | undefined {
  const callId = typeof result === 'object' && result !== null && 'callId' in result ? result.callId : undefined
  return typeof callId === 'string' ? `call ${callId}` : undefined
}

/** Checks the input, runs the operation, and gives its answer as plain JSON. Throws `OperationError` and `UsageError`. */
export async function runOperation(
  app: App,
  operation: Operation,
  rawInput: unknown,
  caller: Caller,
): Promise<unknown> {
  if (!mayAct(caller, operation.role)) {
    throw new OperationError(
      'not_allowed',
      403,
      `${operation.name} needs the role ${operation.role}; ${caller.actor} is ${caller.role}.`,
      'Ask an administrator to do it, or for the role.',
    )
  }
  const parsed = operation.input.safeParse(rawInput ?? {})
  if (!parsed.success) throw badInput(operation.name, parsed.error)
  const { result } = await operation.run(app, parsed.data, caller)
  return JSON.parse(JSON.stringify(result ?? null)) as unknown
}

export function badInput(what: string, error: z.ZodError): OperationError {
  const lines = error.issues.map(
    (issue) => `${issue.path.length === 0 ? 'input' : issue.path.join('.')}: ${issue.message}`,
  )
  return new OperationError(
    'invalid_input',
    400,
    `${what}: ${lines.join('; ')}`,
    'Correct the named fields and send it again; nothing was changed.',
  )
}

/** An id of one of our own rows. */
export const RowId = z.coerce.string().regex(/^[1-9]\d{0,17}$/, 'must be a row id (digits)')

/** Rows a page may hold, and where the last page ended. */
export const Paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: RowId.optional(),
}

export const RoleInput = z.enum(['viewer', 'operator', 'admin'])
