import { z } from 'zod'
import type { App } from '../context.ts'
import { type CallFacts, readCall } from '../db/call-facts.ts'
import { findCallId } from '../db/calls.ts'
import { OperationError } from './operation.ts'

/** How an operator names a call: our id, the portal's CALL_ID, or its CRM activity's id. */
export const CallName = {
  call: z.coerce
    .string()
    .min(1)
    .max(300)
    .refine((name) => !name.includes('\0'), 'must not hold a NUL'),
  portalId: z.string().min(1).optional(),
}

export async function findCall(app: App, input: { call: string; portalId?: string | undefined }): Promise<CallFacts> {
  // No text of the record holds a NUL; asking it for one would be an error of its own.
  const id = input.call.includes('\0') ? null : await findCallId(app.db, input.call, input.portalId)
  if (id === null) {
    throw new OperationError(
      'unknown_call',
      404,
      `No call is known as ${input.call}.`,
      'Name it by its id here, by its CALL_ID, or by its CRM activity (activity:57). A call that never came in can be submitted, or found by reconcile.',
    )
  }
  return await readCall(app.db, id)
}

export async function findRunOf(
  app: App,
  input: { call: string; portalId?: string | undefined },
): Promise<{ call: CallFacts; runId: string }> {
  const call = await findCall(app, input)
  if (call.run_id === null) throw new Error(`call ${call.id} has no run`)
  return { call, runId: call.run_id }
}
