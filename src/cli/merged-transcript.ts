import { z } from 'zod'

/** The transcript of a call as `call.show` gives it; null while it is not there, or when it went by age. */
export const MergedTranscript = z
  .looseObject({
    segments: z.array(
      z.object({
        speaker: z.enum(['agent', 'customer']).nullable(),
        start: z.number(),
        end: z.number(),
        text: z.string(),
      }),
    ),
    language: z.string().nullable(),
    timesEstimated: z.boolean(),
    openSeams: z.array(z.number()),
  })
  .nullable()
  .catch(null)
export type MergedTranscript = NonNullable<z.output<typeof MergedTranscript>>
