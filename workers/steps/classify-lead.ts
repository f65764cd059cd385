import { z } from 'zod'
import { CallInput, TranscriptSegment } from '../call-input.ts'
import { maskPeople } from '../judge/mask-people.ts'
import { prepareVerdict } from '../judge/prepare-verdict.ts'
import { rubricOfCalls } from '../rubrics/rubric-of-calls.ts'
import { step } from '../step.ts'
import { tellTranscript } from '../tell-transcript.ts'

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
    quality: z.enum(['high', 'medium', 'low']),
    score: z.number(),
    reason: z.string(),
    /** Why a person should look before trusting the verdict; empty = nothing doubtful was found. */
    doubts: z.array(z.string()),
    /** What it was judged by: name, version and digest of the rubric. */
    rubric: z.string(),
    model: z.string().nullable(),
    usage: z.object({ promptTokens: z.number(), completionTokens: z.number() }),
  }),
  async run(context, { run, mergeTranscript }) {
    const said = tellTranscript(mergeTranscript)
    const { settings } = context.portal
    const asked = prepareVerdict({
      rubric: rubricOfCalls(context.rubrics, settings),
      text: context.config.mask ? maskPeople(said).text : said,
      // Callers cannot know it, and it stays the same when the step runs again.
      seed: `${context.portal.keyId} ${run.callId}`,
    })
    const { value, model, usage } = await context.spend(
      { of: asked.prompt, tokens: asked.mostTokens },
      () =>
        context.vibecode.chat.askJson({
          ...asked.prompt,
          model: settings.chatModel ?? context.config.chatModel,
          schema: asked.schema,
        }),
      (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
    )
    return { ...asked.read(value), model, usage }
  },
})
