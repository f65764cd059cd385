import { z } from 'zod'
import { CallInput, TranscriptSegment } from '../call-input.ts'
import { findDoubts } from '../judge/doubts.ts'
import { maskPeople } from '../judge/mask-people.ts'
import { defaultRubric, judgePrompt } from '../judge-prompt.ts'
import { step } from '../step.ts'
import { tellTranscript } from '../tell-transcript.ts'

const maxReason = 2_000

const Verdict = z.object({
  quality: z.enum(['high', 'medium', 'low']),
  score: z.number().int().min(0).max(100),
  reason: z.string().trim().min(1),
})
type Verdict = z.output<typeof Verdict>
/** With the quotes it rests on, where the model gives them; what else it calls evidence is none. */
const Answer = Verdict.extend({ evidence: z.array(z.string()).catch([]) })
type Answer = z.output<typeof Answer>

/** Judges the lead from the transcript. What leaves the model is one word, one number and one text; nothing else of it is used. */
export const classifyLead = step({
  name: 'classifyLead',
  queue: 'classify',
  family: 'ai',
  input: z.object({
    run: CallInput,
    mergeTranscript: z.object({
      segments: z.array(TranscriptSegment).readonly(),
      language: z.string().nullable(),
      // A release before did not tell.
      truncated: z.boolean().default(false),
    }),
  }),
  output: z.object({
    quality: Verdict.shape.quality,
    score: z.number(),
    reason: z.string(),
    /** Why a person should look before trusting the verdict; empty = nothing doubtful was found. */
    doubts: z.array(z.string()),
    model: z.string().nullable(),
    usage: z.object({ promptTokens: z.number(), completionTokens: z.number() }),
  }),
  async run(context, { run, mergeTranscript }) {
    const said = tellTranscript(mergeTranscript)
    const transcript = context.config.mask ? maskPeople(said).text : said
    const { settings } = context.portal
    const prompt = judgePrompt({
      rubric: settings.prompt ?? defaultRubric,
      transcript,
      // Callers cannot know it, and it stays the same when the step runs again.
      seed: `${context.portal.keyId} ${run.callId}`,
    })
    const { value, model, usage } = await context.spend(
      { of: prompt, tokens: mostTokens(prompt) },
      () =>
        context.vibecode.chat.askJson({
          ...prompt,
          model: settings.chatModel ?? context.config.chatModel,
          schema: askOnceMoreWhenOutOfBand(),
        }),
      (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
    )
    return {
      quality: value.quality,
      score: value.score,
      reason: tidyReason(value.reason),
      doubts: [...(inBand(value) ? [] : ['quality and score contradict each other']), ...findDoubts(value, transcript)],
      model,
      usage,
    }
  },
})

/** Two asks of what no tokeniser splits finer than this, with room for the answers: set aside before, settled after. */
function mostTokens(prompt: { system: string; user: string }): number {
  return 2 * (Math.ceil((prompt.system.length + prompt.user.length) / 1.5) + 2_000)
}

function inBand({ quality, score }: Pick<Verdict, 'quality' | 'score'>): boolean {
  return quality === (score >= 67 ? 'high' : score >= 34 ? 'medium' : 'low')
}

/** A word and a number that contradict each other are asked for once more; if they still do, the verdict is a doubtful one. */
function askOnceMoreWhenOutOfBand(): z.ZodType<Answer> {
  let asked = false
  return Answer.superRefine((verdict, issues) => {
    if (asked || inBand(verdict)) return
    asked = true
    issues.addIssue({
      code: 'custom',
      path: ['score'],
      message: `quality ${verdict.quality} and score ${verdict.score} contradict each other (high 67-100, medium 34-66, low 0-33)`,
    })
  })
}

/** The text goes into a CRM card: no markup, no links, no control characters, bounded. */
function tidyReason(reason: string): string {
  const plain = reason
    .replace(/\[\/?[a-z*]+(?:=[^\]]*)?\]/gi, '')
    .replace(/<\/?[a-z][^>]*>/gi, '')
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain.length > maxReason ? `${plain.slice(0, maxReason - 1)}…` : plain
}
