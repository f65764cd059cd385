import { createRegistry } from '../src/engine/registry.ts'
import type { CallContext } from './call-context.ts'
import { answerMessage } from './workflows/answer-message.ts'
import { call } from './workflows/call.ts'
import { describeProduct } from './workflows/describe-product.ts'
import { describeProducts } from './workflows/describe-products.ts'
import { extractContact } from './workflows/extract-contact.ts'
import { extractContacts } from './workflows/extract-contacts.ts'
import { reportSales } from './workflows/report-sales.ts'
import { scoreLead } from './workflows/score-lead.ts'
import { scoreLeads } from './workflows/score-leads.ts'
import { settleDraftRun } from './workflows/settle-draft.ts'

/** Every workflow of the program; one line each. */
export const registry = createRegistry<CallContext>([
  call,
  scoreLeads,
  scoreLead,
  describeProducts,
  describeProduct,
  settleDraftRun,
  extractContacts,
  extractContact,
  answerMessage,
  reportSales,
])
