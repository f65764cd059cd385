import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { ScoreLeadInput } from '../leads/score-leads-input.ts'
import { judgeLead } from '../steps/judge-lead.ts'
import { writeLeadScore } from '../steps/write-lead-score.ts'

/** One lead: from its fields to the score in them. */
export const scoreLead = defineWorkflow<CallContext, typeof ScoreLeadInput>('scoreLead', ScoreLeadInput)
  .step(judgeLead, { endsWhen: (judged) => judged.ended })
  .step(writeLeadScore)
