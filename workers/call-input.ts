import { z } from 'zod'

/** A call run carries the call's id and nothing else: its facts stand in the call's row. */
export const CallInput = z.object({
  callId: z.string(),
  /** Ends with the transcript: nothing is judged, nothing is written. */
  transcriptOnly: z.boolean().optional(),
})

export const Recording = z.discriminatedUnion('kind', [
  /** A file on the portal's disk; its address is asked anew for each fetch. */
  z.object({ kind: z.literal('file'), fileId: z.number().int() }),
  z.object({ kind: z.literal('upload'), uploadId: z.string() }),
  z.object({ kind: z.literal('url'), url: z.string() }),
])
export type Recording = z.output<typeof Recording>

/** A CRM record by Bitrix24's type id: 1 lead, 2 deal, 3 contact, 4 company. */
export const Entity = z.object({ typeId: z.number().int(), id: z.number().int() })
export type Entity = z.output<typeof Entity>

const Span = z.object({ startSeconds: z.number(), endSeconds: z.number() })
export const Speaker = z.enum(['agent', 'customer']).nullable()

/** See src/audio/shapes.ts. */
export const Part = z.object({
  index: z.number().int(),
  channel: z.number().int().nullable(),
  speaker: Speaker,
  spans: z.array(Span).min(1).readonly(),
  seam: z.enum(['start', 'pause', 'hard']),
  overlapSeconds: z.number(),
})

export type Part = z.output<typeof Part>

/** Stretches with speech, a row a channel. */
export const Speech = z.array(z.array(Span).readonly()).readonly()

export const Heard = z.object({
  part: Part,
  timeMap: z.array(z.object({ atSeconds: z.number(), fromSeconds: z.number() })).readonly(),
  text: z.string(),
  language: z.string().nullable(),
  segments: z
    .array(
      z.object({
        start: z.number(),
        end: z.number(),
        text: z.string(),
        noSpeechProb: z.number().optional(),
        avgLogprob: z.number().optional(),
        compressionRatio: z.number().optional(),
      }),
    )
    .readonly()
    .nullable(),
  /** More came back than anybody can have said in the time: the rest was left out. */
  capped: z.boolean().optional(),
})
export type Heard = z.output<typeof Heard>

export const TranscriptSegment = z.object({
  speaker: Speaker,
  start: z.number(),
  end: z.number(),
  text: z.string(),
})
