import { z } from 'zod'
import type { CallShown } from '../../ops/call-show.ts'

/** What the page reads of the steps' outputs. Older runs may lack some of it: then that part of the page is left out. */
const Verdict = z.object({
  quality: z.string(),
  score: z.number(),
  reason: z.string(),
  doubts: z.array(z.string()).catch([]),
  model: z.string().nullable().catch(null),
  usage: z.object({ promptTokens: z.number(), completionTokens: z.number() }).nullable().catch(null),
})
const Entry = z.object({
  state: z.string(),
  externalId: z.string().nullable(),
  entity: z.object({ typeId: z.number(), id: z.number() }).nullable().catch(null),
  title: z.string(),
  text: z.string(),
})
const Segment = z.object({
  speaker: z.enum(['agent', 'customer']).nullable(),
  start: z.number(),
  end: z.number(),
  text: z.string(),
})
const Merged = z.object({
  segments: z.array(Segment),
  timesEstimated: z.boolean().catch(false),
  dropped: z.string().optional(),
  talk: z.object({ agentShare: z.number().nullable() }).nullable().catch(null),
})
const Plan = z.object({
  durationSeconds: z.number().nullable(),
  heardSeconds: z.number(),
  channels: z.number().nullable(),
  format: z.string().nullable(),
  peaks: z.array(z.array(z.number())),
  parts: z
    .array(z.object({ channel: z.number().nullable(), speaker: z.enum(['agent', 'customer']).nullable() }))
    .catch([]),
})
const Located = z.object({
  entity: z.object({ typeId: z.number(), id: z.number() }).nullable().catch(null),
  recording: z.unknown(),
})

const read = <Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> | null => {
  const parsed = shape.safeParse(value)
  return parsed.success ? parsed.data : null
}

export function readOutputs(shown: CallShown) {
  const located = read(
    Located,
    shown.steps.find((step) => step.name === 'locateRecording' && step.state === 'done')?.output,
  )
  return {
    verdict: read(Verdict, shown.verdict),
    entry: read(Entry, shown.entry),
    transcript: read(Merged, shown.transcript.merged),
    plan: read(Plan, shown.plan),
    entity: located?.entity ?? null,
    hasRecording: located?.recording != null,
  }
}
export type Outputs = ReturnType<typeof readOutputs>
