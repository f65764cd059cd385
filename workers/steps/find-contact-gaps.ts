import { z } from 'zod'
import { fieldNames, missingFields } from '../contacts/contact-fields.ts'
import { ExtractContactsInput } from '../contacts/extract-contacts-input.ts'
import { prepareExtraction } from '../contacts/prepare-extraction.ts'
import { longestNotes } from '../contacts/read-notes.ts'
import { PagedRecords, pageRecords } from '../page-records.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

/** Goes through leads or contacts page by page; each that lacks a phone, an e-mail or a company becomes a run of its own. */
export const findContactGaps = step({
  name: 'findContactGaps',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: ExtractContactsInput }),
  output: PagedRecords,
  run(context, { run }) {
    const rubric = context.rubrics.findContact(run.rubric)
    // What the notes hold is known to the run alone; set aside is what the longest ones would cost.
    const longest = prepareExtraction({ rubric, notes: 'x'.repeat(longestNotes), missing: [], mask: false, seed: '' })
    const mostMicros = chatMicros(longest.mostTokens, context.config.prices)
    const { of, dryRun } = run
    return pageRecords(context, {
      // A dry run pays nothing, and only its runs can price.
      run: dryRun ? { dryRun } : run,
      most: { records: run.maxRecords, word: 'max_records' },
      payingStep: 'readContact',
      runsWhenDry: true,
      list: (query) => context.vibecode.records.list(of, { ...query, filter: run.filter, select: fieldNames[of] }),
      prepare: async () => (record) => {
        if (missingFields(of, record).length === 0) return null
        const input = { of, recordId: record.id, rubric: run.rubric, dryRun, mostMicros }
        return { mostMicros, child: { workflow: 'extractContact', key: `${context.runId} ${record.id}`, input } }
      },
    })
  },
})
