import { z } from 'zod'
import { saveLeadScore } from '../../src/db/lead-scores.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { verdictFields } from '../../src/wire/lead-fields.ts'
import { ScoreLeadInput } from '../leads/score-leads-input.ts'
import { step } from '../step.ts'

/**
 * Sets the lead's three user fields, and remembers by what it was judged. The same values set twice do no harm, so unlike a timeline
 * entry this needs no intent: an attempt that comes after another looks whether they stand there, and sets them otherwise.
 */
export const writeLeadScore = step({
  name: 'writeLeadScore',
  queue: 'leads',
  family: 'crm',
  input: z.object({
    run: ScoreLeadInput,
    judgeLead: z.object({
      seenHash: z.string(),
      quality: z.string().nullable(),
      score: z.number().nullable(),
      reason: z.string(),
      doubts: z.array(z.string()),
      rubric: z.string(),
    }),
  }),
  /** `observed`: writing is off. `found`: an attempt before had set them. */
  output: z.object({ written: z.enum(['written', 'found', 'observed', 'lead_gone']) }),
  async run(context, { run: { leadId }, judgeLead: verdict }) {
    const { config, db, portal, vibecode } = context
    const quality = verdict.quality ?? ''
    const score = verdict.score ?? 0
    const fields = verdictFields({ ...verdict, quality, score })
    const remember = (written: boolean) =>
      saveLeadScore(db, portal.id, context.runId, {
        leadId,
        seenHash: verdict.seenHash,
        rubric: verdict.rubric,
        quality,
        score,
        reason: verdict.reason,
        written,
      })
    if (!config.write || !portal.writeEnabled) {
      await remember(false)
      return { written: 'observed' as const }
    }
    if (context.fence > 1) {
      const lead = await vibecode.leads.get(leadId)
      if (lead === null) return { written: 'lead_gone' as const }
      if (shows(lead, fields)) {
        await remember(true)
        return { written: 'found' as const }
      }
    }
    await vibecode.userFields.set('leads', leadId, fields)
    await remember(true)
    return { written: 'written' as const }
  },
})

function shows(lead: CrmEntity, fields: Readonly<Record<string, string | number>>): boolean {
  return Object.entries(fields).every(([name, value]) => String(lead[name] ?? '') === String(value))
}
