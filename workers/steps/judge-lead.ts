import { z } from 'zod'
import { readLastVerdicts, readLeadScores } from '../../src/db/lead-scores.ts'
import { prepareVerdict } from '../judge/prepare-verdict.ts'
import { ScoreLeadInput } from '../leads/score-leads-input.ts'
import { readComments, seeLead } from '../leads/see-lead.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

const Judged = z.object({
  leadId: z.number(),
  /** Why it ends here: `lead_gone` from the CRM, or `unchanged` since it was scored. */
  ended: z.enum(['lead_gone', 'unchanged']).nullable(),
  seenHash: z.string(),
  quality: z.enum(['high', 'medium', 'low']).nullable(),
  score: z.number().nullable(),
  reason: z.string(),
  doubts: z.array(z.string()),
  rubric: z.string(),
  model: z.string().nullable(),
  tokens: z.number(),
  /** What the verdict cost, millionths. */
  micros: z.number(),
})

/** Judges one lead as it stands in the CRM now. Its fields are kept nowhere: only the verdict, and a hash of what was seen. */
export const judgeLead = step({
  name: 'judgeLead',
  queue: 'leads',
  family: 'ai',
  input: z.object({ run: ScoreLeadInput }),
  output: Judged,
  async run(context, { run }) {
    const { config, db, portal } = context
    const { leadId } = run
    const rubric = context.rubrics.find(run.rubric)
    const nothing = {
      leadId,
      quality: null,
      score: null,
      reason: '',
      doubts: [],
      rubric: rubric.id,
      model: null,
      tokens: 0,
      micros: 0,
    }
    const lead = await context.vibecode.leads.get(leadId)
    if (lead === null) return { ...nothing, ended: 'lead_gone' as const, seenHash: '' }
    const verdicts = await readLastVerdicts(db, portal.id, [leadId])
    const comments = await readComments(context.vibecode, leadId, rubric)
    const seen = seeLead(lead, { lastCall: verdicts.get(leadId), comments }, rubric, config.mask)
    const known = (await readLeadScores(db, portal.id, [leadId])).get(leadId)
    if (known?.seenHash === seen.hash) {
      const writes = config.write && portal.writeEnabled
      if (known.written || !writes) return { ...nothing, ended: 'unchanged' as const, seenHash: seen.hash }
      // Judged while the portal was only observed: what was paid for then is written now.
      const quality = Judged.shape.quality.parse(known.quality)
      if (known.reason !== null)
        return { ...nothing, ended: null, seenHash: seen.hash, quality, score: known.score, reason: known.reason }
    }
    const asked = prepareVerdict({ rubric, text: seen.text, seed: `${portal.keyId} lead ${leadId} ${context.runId}` })
    const { value, model, usage } = await context.spend(
      { of: asked.prompt, tokens: asked.mostTokens },
      () =>
        context.vibecode.chat.askJson({
          ...asked.prompt,
          model: portal.settings.chatModel ?? config.chatModel,
          schema: asked.schema,
        }),
      (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
    )
    const tokens = usage.promptTokens + usage.completionTokens
    const micros = chatMicros(tokens, config.prices)
    return { leadId, ended: null, seenHash: seen.hash, ...asked.read(value), model, tokens, micros }
  },
})
