import { z } from 'zod'
import { writeDraft } from '../drafts/write-draft.ts'
import { step } from '../step.ts'

/** Puts the text that was just drafted into the product's card, and nothing else. */
export const writeDescription = step({
  name: 'writeDescription',
  queue: 'leads',
  family: 'crm',
  input: z.object({ draftDescription: z.object({ draftId: z.string().nullable() }) }),
  output: z.object({ written: z.enum(['written', 'found', 'kept', 'returned', 'observed', 'gone']) }),
  async run(context, { draftDescription: { draftId } }) {
    return { written: draftId === null ? ('gone' as const) : await writeDraft(context, draftId, false) }
  },
})
