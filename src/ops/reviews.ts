import { z } from 'zod'
import { addReview, listDoubtful, listExamples } from '../db/reviews.ts'
import { showCall } from './call-show.ts'
import { CallName } from './find-call.ts'
import { defineOperation, OperationError, Paging } from './operation.ts'
import { phoneFor } from './phone-for.ts'

const Quality = z.enum(['high', 'medium', 'low'])

export const reviewList = defineOperation({
  name: 'review.list',
  summary: 'Lists verdicts that a person should look at, with why; the oldest first.',
  input: z.strictObject(Paging),
  output: z.object({
    verdicts: z.array(
      z.object({
        callId: z.string(),
        portalId: z.string(),
        generation: z.number(),
        createdAt: z.iso.datetime(),
        direction: z.string().nullable(),
        phone: z.string().nullable(),
        durationSeconds: z.number().nullable(),
        quality: z.string(),
        score: z.number(),
        reason: z.string(),
        doubts: z.array(z.string()),
      }),
    ),
    nextCursor: z.string().nullable(),
  }),
  run: async (app, input, caller) => {
    const found = await listDoubtful(app.db, { after: input.cursor, limit: input.limit + 1 })
    const page = found.slice(0, input.limit).map((one) => ({ ...one, phone: phoneFor(caller, one.phone) }))
    return { verdicts: page, nextCursor: found.length > page.length ? (page.at(-1)?.callId ?? null) : null }
  },
})

const DecideInput = z
  .strictObject({
    ...CallName,
    decision: z.enum(['approved', 'corrected', 'rejected']),
    quality: Quality.optional(),
    score: z.coerce.number().int().min(0).max(100).optional(),
    reason: z.string().trim().min(1).max(2_000).optional(),
  })
  .refine(
    (input) =>
      input.decision !== 'corrected' || [input.quality, input.score, input.reason].some((one) => one !== undefined),
    'a correction names quality, score or reason',
  )

const Model = z.object({ quality: Quality, score: z.number(), reason: z.string() })

export const reviewDecide = defineOperation({
  name: 'review.decide',
  summary:
    'Approves, corrects or rejects a verdict. A correction is an example for the rubric; the entry in the CRM stays as it is.',
  input: DecideInput,
  audit: (input) => ({
    subject: `call ${input.call}`,
    detail: { decision: input.decision, quality: input.quality, score: input.score },
  }),
  run: async (app, input, caller) => {
    const shown = await showCall(app, input, caller)
    const verdict = Model.safeParse(shown.verdict)
    if (!verdict.success || shown.run === null) {
      throw new OperationError(
        'no_verdict',
        409,
        `Call ${shown.call.id} has no verdict to decide about.`,
        'Wait until it has been judged.',
      )
    }
    const { quality, score, reason } = verdict.data
    const corrected = input.decision === 'corrected'
    const right = {
      quality: corrected ? (input.quality ?? quality) : quality,
      score: corrected ? (input.score ?? score) : score,
      reason: corrected ? (input.reason ?? reason) : reason,
    }
    const id = await addReview(app.db, {
      callId: shown.call.id,
      generation: shown.run.generation,
      decision: input.decision,
      ...(input.decision === 'rejected' ? { quality: null, score: null, reason: input.reason ?? null } : right),
      modelVerdict: { quality, score, reason },
      actor: caller.actor,
    })
    return { id, callId: shown.call.id, decision: input.decision }
  },
})

export const reviewExamples = defineOperation({
  name: 'review.examples',
  role: 'operator',
  summary: 'Lists verdicts that people approved or corrected: labelled examples for a rubric.',
  input: z.strictObject(Paging),
  run: async (app, input) => {
    const found = await listExamples(app.db, { cursor: input.cursor, limit: input.limit + 1 })
    const page = found.slice(0, input.limit)
    return { examples: page, nextCursor: found.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})
