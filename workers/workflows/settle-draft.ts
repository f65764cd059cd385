import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { SettleDraftInput, settleDraft } from '../steps/settle-draft.ts'

/** A person's decision about a draft on its way to the CRM. */
export const settleDraftRun = defineWorkflow<CallContext, typeof SettleDraftInput>(
  'settleDraft',
  SettleDraftInput,
).step(settleDraft)
