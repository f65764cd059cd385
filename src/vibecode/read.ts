import type { z } from 'zod'
import { badUpstream } from '../wire/errors.ts'
import { failureError } from './failure-error.ts'
import type { Answer } from './request.ts'

/** Reads an answer by its shape; another shape is `bad_upstream`, and leaves a write in doubt. */
export function readShape<Schema extends z.ZodType>(schema: Schema, answer: Answer, route: string): z.output<Schema> {
  const read = schema.safeParse(answer.body)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  const what = `unexpected shape at ${issue?.path.map(String).join('.') || 'the top'}: ${issue?.message ?? 'unreadable'}`
  throw failureError(badUpstream({ route, status: answer.status, what, requestId: answer.requestId }))
}
