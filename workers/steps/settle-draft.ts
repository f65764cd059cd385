import { z } from 'zod'
import { writeDraft } from '../drafts/write-draft.ts'
import { step } from '../step.ts'

export const SettleDraftInput = z.object({
  draftId: z.string(),
  /** Puts back what stood in the card before. */
  undo: z.boolean(),
})

/** Does what a person has decided about a draft. */
export const settleDraft = step({
  name: 'settleDraft',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: SettleDraftInput }),
  output: z.object({ written: z.enum(['written', 'found', 'kept', 'returned', 'observed', 'gone']) }),
  async run(context, { run: { draftId, undo } }) {
    return { written: await writeDraft(context, draftId, undo) }
  },
})
