import { createRegistry } from '../src/engine/registry.ts'
import type { CallContext } from './call-context.ts'
import { answerMessage } from './workflows/answer-message.ts'
import { call } from './workflows/call.ts'
import { reportSales } from './workflows/report-sales.ts'
import { scoreLead } from './workflows/score-lead.ts'
import { scoreLeads } from './workflows/score-leads.ts'

/** Every workflow of the program; one line each. */
export const registry = createRegistry<CallContext>([call, scoreLeads, scoreLead, answerMessage, reportSales])
