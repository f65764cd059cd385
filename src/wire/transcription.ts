import { z } from 'zod'
import { cleanSpeech } from './clean-speech.ts'

const seconds = z.number().nonnegative()

const spoken = z.string().transform(cleanSpeech)

const measure = z.number().optional().catch(undefined)

const segment = z.object({
  start: seconds,
  end: seconds,
  text: spoken,
  no_speech_prob: measure,
  avg_logprob: measure,
  compression_ratio: measure,
})

/**
 * `POST /v1/audio/transcriptions`, `json` and `verbose_json` alike. `text` is required; segments that are out of
 * shape are dropped whole, since half a time line is worse than none.
 */
export const transcriptionResponse = z.object({
  text: spoken,
  language: z.string().min(1).optional().catch(undefined),
  duration: seconds.optional().catch(undefined),
  segments: z.array(segment).optional().catch(undefined),
})

export type TranscriptionSegment = z.infer<typeof segment>
