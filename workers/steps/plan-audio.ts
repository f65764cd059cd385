import { z } from 'zod'
import { DEFAULT_PROBE_LIMITS, type Probe } from '../../src/audio/probe.ts'
import { probeInThread } from '../../src/audio/probe-thread.ts'
import { Permanent } from '../../src/errors.ts'
import { CallInput, Part, Recording } from '../call-input.ts'
import { fetchRecording } from '../fetch-recording.ts'
import { step } from '../step.ts'

/** What no transcription can come of ends the run here, unpaid; other faults of the file are parked for a person. */
const Ended = z.enum(['no_speech', 'not_audio', 'empty_audio', 'too_short'])

const Plan = z.object({
  ended: Ended.nullable(),
  sha256: z.string(),
  bytes: z.number().int(),
  format: z.string().nullable(),
  durationSeconds: z.number().nullable(),
  channels: z.number().int().nullable(),
  speechRatio: z.number().nullable(),
  truncated: z.boolean(),
  peaks: z.array(z.array(z.number())),
  parts: z.array(Part),
})

/** Fetches the recording, measures it, refuses what is no speech, and decides the parts. */
export const planAudio = step({
  name: 'planAudio',
  queue: 'plan',
  family: 'portal',
  input: z.object({ run: CallInput, locateRecording: z.object({ recording: Recording.nullable() }) }),
  output: Plan,
  async run(context, { locateRecording }) {
    const { recording } = locateRecording
    if (recording === null) throw new Error('planAudio needs a recording')
    const { path, bytes, sha256 } = await fetchRecording(context, recording)
    await context.beginWork()
    const measured = await measure(path, context.signal)
    if (typeof measured === 'string') return { ...nothing, ended: measured, sha256, bytes }
    await context.recordings.put(sha256, path, context.runId)
    const plan = {
      sha256,
      bytes,
      format: measured.format,
      durationSeconds: measured.durationSeconds,
      channels: measured.channels,
      speechRatio: measured.speechRatio,
      truncated: measured.truncated,
      peaks: measured.peaks.map((row) => row.map((peak) => Math.round(peak * 100) / 100)),
    }
    if (measured.speechRatio === 0) return { ...plan, ended: 'no_speech' as const, parts: [] }
    return { ...plan, ended: null, parts: [{ index: 0, startSeconds: 0, endSeconds: measured.durationSeconds }] }
  },
})

const nothing = {
  format: null,
  durationSeconds: null,
  channels: null,
  speechRatio: null,
  truncated: false,
  peaks: [],
  parts: [],
}

async function measure(path: string, signal: AbortSignal): Promise<Probe | z.output<typeof Ended>> {
  try {
    return await probeInThread(path, DEFAULT_PROBE_LIMITS, signal)
  } catch (error) {
    const ended = error instanceof Permanent ? Ended.safeParse(error.class) : null
    if (ended?.success) return ended.data
    throw error
  }
}
