import { z } from 'zod'
import { mergeTranscript as merge } from '../../src/audio/merge/merge-transcript.ts'
import { CallInput, Heard, Speech, TranscriptSegment } from '../call-input.ts'
import { step } from '../step.ts'

const Talk = z.object({
  agentSeconds: z.number().nullable(),
  customerSeconds: z.number().nullable(),
  agentShare: z.number().nullable(),
  silences: z.object({ count: z.number(), seconds: z.number(), longestSeconds: z.number() }),
  interruptions: z.object({ byAgent: z.number(), byCustomer: z.number() }).nullable(),
})

/** Makes one timed, two-sided transcript of what was heard in the parts. Asks nothing of the upstream. */
export const mergeTranscript = step({
  name: 'mergeTranscript',
  queue: 'classify',
  family: 'none',
  input: z.object({
    run: CallInput,
    planAudio: z.object({ speech: Speech, truncated: z.boolean() }),
    transcribePart: z.array(z.object({ pieces: z.array(Heard) })),
  }),
  output: z.object({
    ended: z.enum(['no_speech', 'transcript_only']).nullable(),
    segments: z.array(TranscriptSegment).readonly(),
    language: z.string().nullable(),
    /** The upstream gave no times: they are spread over the sound. */
    timesEstimated: z.boolean(),
    /** Seconds at which two parts could not be joined for sure. */
    openSeams: z.array(z.number()).readonly(),
    /** The recording breaks off before its end. */
    truncated: z.boolean(),
    /** Of some part more came back than anybody can have said in the time. */
    capped: z.boolean(),
    talk: Talk,
  }),
  async run(context, { run, planAudio, transcribePart }) {
    await context.recordings.drop(context.runId)
    const heard = transcribePart.flatMap((part) => part.pieces)
    const transcript = merge(heard, planAudio.speech)
    const ended = endOf(transcript.segments.length === 0, run.transcriptOnly === true)
    const capped = heard.some((one) => one.capped === true)
    return { ended, ...transcript, truncated: planAudio.truncated, capped }
  },
})

function endOf(silent: boolean, transcriptOnly: boolean): 'no_speech' | 'transcript_only' | null {
  if (silent) return 'no_speech'
  return transcriptOnly ? 'transcript_only' : null
}
