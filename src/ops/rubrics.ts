import { z } from 'zod'
import type { App } from '../context.ts'
import { isStepFailure } from '../errors.ts'
import { defineOperation, OperationError } from './operation.ts'
import { needPortal } from './portals.ts'

function needRubric(app: App, name: string) {
  const found = app.rubrics.all.find((rubric) => rubric.name === name)
  if (found !== undefined) return found
  throw new OperationError(
    'unknown_rubric',
    404,
    `There is no rubric ${name}.`,
    `There are: ${app.rubrics.all.map((rubric) => rubric.name).join(', ')}.`,
  )
}

export const rubricList = defineOperation({
  name: 'rubric.list',
  summary: 'The rubrics that calls and leads are judged, products written about and contacts extracted by.',
  input: z.strictObject({}),
  run: async (app) => ({
    rubrics: [
      ...app.rubrics.all.map(({ name, version, id, judges, bands, fields }) => ({
        name,
        version,
        id,
        judges,
        bands,
        fields: fields ?? null,
      })),
      ...app.rubrics.others.map((one) => ({
        name: one.name,
        version: one.version,
        id: one.id,
        judges: null,
        ...('writes' in one ? { writes: one.writes } : { extracts: one.extracts }),
        bands: null,
        fields: one.fields,
      })),
    ],
    chatPrice: app.config.prices.chat1kTokensMicros / 1_000_000,
    currency: app.config.prices.currency,
  }),
})

/** Longer than the longest call that is taken in. */
const longestText = 400_000

export const rubricJudge = defineOperation({
  name: 'rubric.judge',
  summary: 'Judges one text by a rubric, to try it; nothing is stored or written, the model is paid.',
  input: z.strictObject({
    rubric: z.string().min(1).max(100),
    portalId: z.string().min(1).max(200),
    text: z.string().min(1).max(longestText),
  }),
  audit: (input) => ({ subject: `portal ${input.portalId}`, detail: { rubric: input.rubric } }),
  run: async (app, input) => {
    const rubric = needRubric(app, input.rubric)
    const portal = await needPortal(app, input.portalId)
    try {
      return await app.judge(portal, { rubric, text: input.text })
    } catch (error) {
      if (!isStepFailure(error)) throw error
      throw new OperationError('not_judged', 409, error.message, error.hint ?? 'Try again later.')
    }
  },
})
