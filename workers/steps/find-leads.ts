import { z } from 'zod'
import { readLastVerdicts, readLeadScores } from '../../src/db/lead-scores.ts'
import type { TimelineComment } from '../../src/wire/crm.ts'
import { prepareVerdict } from '../judge/prepare-verdict.ts'
import { ScoreLeadsInput } from '../leads/score-leads-input.ts'
import { readComments, seeLead } from '../leads/see-lead.ts'
import { PagedRecords, pageRecords } from '../page-records.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

/** Where each lead's timeline is asked for too: what a failure in between makes asked again stays little. */
const timelinePageSize = 10

/** Goes through the leads page by page; each that looks otherwise than at its last scoring becomes a run of its own. */
export const findLeads = step({
  name: 'findLeads',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: ScoreLeadsInput }),
  output: PagedRecords,
  run(context, { run }) {
    const { config, db, portal } = context
    const rubric = context.rubrics.find(run.rubric)
    const writes = config.write && portal.writeEnabled
    return pageRecords(context, {
      run,
      ...(rubric.timeline === undefined ? {} : { pageSize: timelinePageSize }),
      most: { records: run.maxLeads, word: 'max_leads' },
      payingStep: 'judgeLead',
      list: (query) =>
        context.vibecode.records.list('leads', { ...query, filter: run.filter, select: rubric.fields ?? [] }),
      prepare: async (leads) => {
        const ids = leads.map((lead) => lead.id)
        const [known, verdicts] = [await readLeadScores(db, portal.id, ids), await readLastVerdicts(db, portal.id, ids)]
        const comments = new Map<number, TimelineComment[]>()
        for (const id of ids) comments.set(id, await readComments(context.vibecode, id, rubric))
        return (lead) => {
          const beside = { lastCall: verdicts.get(lead.id), comments: comments.get(lead.id) ?? [] }
          const seen = seeLead(lead, beside, rubric, config.mask)
          const score = known.get(lead.id)
          // What was judged but not written, because the portal was only observed then, is written without being judged again.
          if (score?.seenHash === seen.hash && (score.written || !writes)) return null
          const { mostTokens } = prepareVerdict({ rubric, text: seen.text, seed: '' })
          const mostMicros = chatMicros(mostTokens, config.prices)
          const input = { leadId: lead.id, rubric: run.rubric, mostMicros }
          return { mostMicros, child: { workflow: 'scoreLead', key: `${context.runId} ${lead.id}`, input } }
        }
      },
    })
  },
})
