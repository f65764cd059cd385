import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { ReportInput } from '../reports/report-input.ts'
import { gatherFigures } from '../steps/gather-figures.ts'
import { sendReport } from '../steps/send-report.ts'
import { writeProse } from '../steps/write-prose.ts'

/** A period's calls, leads and deals: counted by code, told by the model, sent once. */
export const reportSales = defineWorkflow<CallContext, typeof ReportInput>('reportSales', ReportInput, {
  startedAs: 'report',
})
  .step(gatherFigures)
  .step(writeProse)
  .step(sendReport)
