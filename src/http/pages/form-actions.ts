import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Operation, runOperation } from '../../ops/operation.ts'
import { idempotent } from '../idempotent.ts'
import { type PageScope, safePath } from './page-scope.ts'

export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

/** A form's field as it was filled in; one that was left empty is none. */
export function oneField(value: Fields[string]): string | undefined {
  const first = typeof value === 'object' ? value[0] : value
  return first === '' ? undefined : first
}

/** The fields of these names that were filled in. */
export function filled(fields: Fields | undefined, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = oneField(fields?.[name])
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}

/** Runs the operation of a button for who pressed it; with a `key` in the form once, however often it is pressed. */
export async function press(
  pages: PageScope,
  request: FastifyRequest,
  operation: Operation,
  input: Record<string, unknown>,
): Promise<unknown> {
  const caller = pages.visitor(request)
  const key = oneField((request.body as Fields | undefined)?.['key'])
  const action = typeof input['call'] === 'string' ? `call ${input['call']}` : operation.name
  return await idempotent(pages.app, { actor: caller.actor, action, key, body: input }, () =>
    runOperation(pages.app, operation, input, caller),
  )
}

/** The same for what answers with a secret: the secret is shown this once and kept nowhere. Null where it was pressed before. */
export async function pressForSecret(
  pages: PageScope,
  request: FastifyRequest,
  operation: Operation,
  input: Record<string, unknown>,
): Promise<unknown> {
  const caller = pages.visitor(request)
  const key = oneField((request.body as Fields | undefined)?.['key'])
  let answer: unknown = null
  await idempotent(pages.app, { actor: caller.actor, action: operation.name, key, body: input }, async () => {
    answer = await runOperation(pages.app, operation, input, caller)
    return { shown: true }
  })
  return answer
}

/** Back to where the button stands, which then says what was done. */
export function goBack(reply: FastifyReply, path: string, did: string): FastifyReply {
  const url = new URL(safePath(path), 'http://here')
  url.searchParams.set('did', did)
  return reply.redirect(`${url.pathname}${url.search}`, 303)
}
