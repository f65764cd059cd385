import { z } from 'zod'
import { countOpenRuns, sumCommitted } from '../../src/db/batches.ts'
import { readLastVerdicts, readLeadScores } from '../../src/db/lead-scores.ts'
import { page } from '../../src/engine/page.ts'
import { prepareVerdict } from '../judge/prepare-verdict.ts'
import { ScoreLeadsInput } from '../leads/score-leads-input.ts'
import { readComments, seeLead } from '../leads/see-lead.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

/** The portal's own page: a larger one is put together of these upstream. */
const pageSize = 50
/** Where each lead's timeline is asked for too: what a failure in between makes asked again stays little. */
const timelinePageSize = 10
/** Leads that are on their way at once: enough to keep the workers busy, few enough to be paused, cancelled and counted. */
const mostOpen = 400

const Cursor = z.object({
  afterId: z.number().default(0),
  found: z.number().default(0),
  unchanged: z.number().default(0),
  queued: z.number().default(0),
  /** What the leads that were queued may cost at most, millionths. */
  mostMicros: z.number().default(0),
  total: z.number().nullable().default(null),
})
type Cursor = z.output<typeof Cursor>

/** Goes through the leads page by page; each that looks otherwise than at its last scoring becomes a run of its own. */
export const findLeads = step({
  name: 'findLeads',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: ScoreLeadsInput }),
  output: Cursor.extend({ stoppedBy: z.enum(['max_leads', 'max_cost']).nullable() }),
  async run(context, { run }) {
    const { config, db, portal } = context
    const cursor = Cursor.parse(context.cursor ?? {})
    const waiting = () => page({ children: [], cursor, delayMs: config.timings.batchLookMs })
    const open = await countOpenRuns(db, context.stepId)
    if (open >= mostOpen) return waiting()

    const rubric = context.rubrics.find(run.rubric)
    const listed = await context.vibecode.leads.list({
      filter: run.filter,
      select: rubric.fields ?? [],
      afterId: cursor.afterId,
      limit: rubric.timeline === undefined ? pageSize : timelinePageSize,
    })
    const ids = listed.leads.map((lead) => lead.id)
    const [known, verdicts] = [await readLeadScores(db, portal.id, ids), await readLastVerdicts(db, portal.id, ids)]
    const writes = config.write && portal.writeEnabled
    const roomMicros = run.maxCost === undefined ? null : run.maxCost * 1_000_000
    let committed =
      roomMicros === null || run.dryRun ? cursor.mostMicros : await sumCommitted(db, context.stepId, 'judgeLead')

    const next: Cursor = { ...cursor, total: cursor.total ?? listed.total }
    const children = []
    let stoppedBy: 'max_leads' | 'max_cost' | null = null
    for (const lead of listed.leads) {
      const comments = await readComments(context.vibecode, lead.id, rubric)
      const seen = seeLead(lead, { lastCall: verdicts.get(lead.id), comments }, rubric, config.mask)
      const score = known.get(lead.id)
      // What was judged but not written, because the portal was only observed then, is written without being judged again.
      const settled = score?.seenHash === seen.hash && (score.written || !writes)
      if (!settled) {
        if (next.queued === run.maxLeads) {
          stoppedBy = 'max_leads'
          break
        }
        const { mostTokens } = prepareVerdict({ rubric, text: seen.text, seed: '' })
        const mostMicros = chatMicros(mostTokens, config.prices)
        if (roomMicros !== null && committed + mostMicros > roomMicros) {
          stoppedBy = 'max_cost'
          break
        }
        committed += mostMicros
        next.mostMicros += mostMicros
        next.queued += 1
        children.push({
          workflow: 'scoreLead',
          key: `${context.runId} ${lead.id}`,
          input: { leadId: lead.id, rubric: run.rubric, mostMicros },
        })
      } else next.unchanged += 1
      next.found += 1
      next.afterId = lead.id
    }
    const made = run.dryRun ? [] : children
    // Leads under way have the most set aside that they may cost; what they leave of it makes room for more.
    if (stoppedBy === 'max_cost' && !run.dryRun && open + made.length > 0)
      return page({ children: made, cursor: next, delayMs: config.timings.batchLookMs })
    if (stoppedBy === null && listed.nextAfterId !== null) return page({ children: made, cursor: next })
    return page({ children: made, cursor: null, output: { ...next, stoppedBy } })
  },
})
