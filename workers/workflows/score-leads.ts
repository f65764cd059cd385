import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { ScoreLeadsInput } from '../leads/score-leads-input.ts'
import { checkLeadFields } from '../steps/check-lead-fields.ts'
import { findLeads } from '../steps/find-leads.ts'
import { reportScores } from '../steps/report-scores.ts'

/** All leads that a filter names: page by page, a run for each that changed, and a report at the end. */
export const scoreLeads = defineWorkflow<CallContext, typeof ScoreLeadsInput>('scoreLeads', ScoreLeadsInput, {
  startedAs: 'score-leads',
})
  .step(checkLeadFields)
  .step(findLeads)
  .step(reportScores)
