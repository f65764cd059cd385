import { join } from 'node:path'
import { z } from 'zod'
import { inAudioThread } from '../../src/audio/audio-thread.ts'
import type { Tasks } from '../../src/audio/audio-worker.ts'
import { withReadable } from '../../src/audio/make-readable.ts'
import { defaultPlanOptions, type PlanOptions } from '../../src/audio/plan.ts'
import { DEFAULT_PROBE_LIMITS } from '../../src/audio/probe-limits.ts'
import { readCall } from '../../src/db/call-facts.ts'
import { readHearing } from '../../src/db/hearing.ts'
import { Permanent } from '../../src/errors.ts'
import type { CallContext } from '../call-context.ts'
import { CallInput, Part, Recording, Speech } from '../call-input.ts'
import { fetchRecording } from '../fetch-recording.ts'
import { readPortalTranscript } from '../read-portal-transcript.ts'
import { recodedName } from '../recoded-name.ts'
import { step } from '../step.ts'

/** What no transcription can come of ends the run here, unpaid; other faults of the file are parked for a person. */
const Ended = z.enum(['no_speech', 'not_audio', 'empty_audio', 'too_short'])

const Plan = z.object({
  ended: Ended.nullable(),
  sha256: z.string(),
  bytes: z.number().int(),
  format: z.string().nullable(),
  /** Read by way of ffmpeg: parts are cut from the WAV that it makes. */
  recoded: z.boolean(),
  encoding: z.enum(['copy', 'mp3']),
  durationSeconds: z.number().nullable(),
  /** What is sent and paid for, all parts together: with a track for each voice up to twice the duration. */
  heardSeconds: z.number(),
  channels: z.number().int().nullable(),
  speechRatio: z.number().nullable(),
  truncated: z.boolean(),
  peaks: z.array(z.array(z.number())),
  speech: Speech,
  parts: z.array(Part),
  /** The portal has heard the call itself: the one part is taken from there. */
  fromPortal: z.boolean().optional(),
})

/** Fetches the recording, measures it, refuses what is no speech, and decides the parts. */
export const planAudio = step({
  name: 'planAudio',
  queue: 'plan',
  family: 'portal',
  input: z.object({
    run: CallInput,
    locateRecording: z.object({ recording: Recording.nullable(), activityId: z.string().nullable().default(null) }),
  }),
  output: Plan,
  async run(context, { run, locateRecording }) {
    const { recording } = locateRecording
    if (recording === null) throw new Error('planAudio needs a recording')
    const options = await chooseOptions(context, run.callId, recording)
    const { path, bytes, sha256 } = await fetchRecording(context, recording)
    await context.beginWork()
    const planned = await makePlan(context, path, options)
    if (typeof planned === 'string') return { ...nothing, ended: planned, sha256, bytes }
    const { measured, plan, recoded } = planned
    await context.recordings.put(sha256, path, context.runId)
    if (recoded) await context.recordings.put(recodedName(sha256), await recodedPath(context), context.runId)
    const facts = {
      sha256,
      bytes,
      format: measured.format,
      recoded,
      encoding: plan.encoding,
      durationSeconds: measured.durationSeconds,
      heardSeconds: Math.round(plan.heardSeconds * 10) / 10,
      channels: measured.channels,
      speechRatio: measured.speechRatio,
      truncated: measured.truncated,
      peaks: measured.peaks.map((row) => row.map((peak) => Math.round(peak * 100) / 100)),
      speech: plan.speech.map((row) => row.map(roundSpan)),
    }
    const silent = measured.speechRatio === 0 || plan.parts.length === 0
    if (silent) return { ...facts, ended: 'no_speech' as const, heardSeconds: 0, parts: [] }
    if ((await readPortalTranscript(context, locateRecording.activityId)) !== null) {
      return { ...facts, ended: null, heardSeconds: 0, parts: [wholeOf(plan.parts)], fromPortal: true }
    }
    const parts = plan.parts.map((part) => ({ ...part, spans: part.spans.map(roundSpan) }))
    return { ...facts, ended: null, parts }
  },
})

/** The call as one part, which is neither cut nor sent. */
function wholeOf(parts: readonly Part[]): Part {
  const spans = parts.flatMap((part) => part.spans)
  const startSeconds = Math.min(...spans.map((span) => span.startSeconds))
  const endSeconds = Math.max(...spans.map((span) => span.endSeconds))
  return {
    index: 0,
    channel: null,
    speaker: null,
    spans: [roundSpan({ startSeconds, endSeconds })],
    seam: 'start',
    overlapSeconds: 0,
  }
}

const nothing = {
  format: null,
  recoded: false,
  encoding: 'copy' as const,
  durationSeconds: null,
  heardSeconds: 0,
  channels: null,
  speechRatio: null,
  truncated: false,
  peaks: [],
  speech: [],
  parts: [],
}

function roundSpan(span: { startSeconds: number; endSeconds: number }) {
  const round = (seconds: number) => Math.round(seconds * 1_000) / 1_000
  return { startSeconds: round(span.startSeconds), endSeconds: round(span.endSeconds) }
}

/** What was asked for this recording goes before the portal's own words, and those before the program's. Whoever called is on the left, unless it is told otherwise. */
async function chooseOptions(context: CallContext, callId: string, recording: Recording): Promise<PlanOptions> {
  const { settings } = context.portal
  const hearing = recording.kind === 'upload' ? await readHearing(context.db, recording.uploadId) : {}
  const call = await readCall(context.db, callId)
  const told = settings.agentChannel ?? 'caller'
  const agentChannel = told === 'caller' ? (call.direction === 'in' ? 1 : 0) : told === 'right' ? 1 : 0
  const { stereo, maxPartBytes } = context.config
  return { ...defaultPlanOptions, stereo: hearing.stereo ?? settings.stereo ?? stereo, maxPartBytes, agentChannel }
}

async function recodedPath(context: CallContext): Promise<string> {
  return join(await context.tempDir(), 'recoded.wav')
}

async function makePlan(
  context: CallContext,
  path: string,
  options: PlanOptions,
): Promise<(Tasks['plan']['result'] & { recoded: boolean }) | z.output<typeof Ended>> {
  const { ffmpeg, signal } = context
  const { maxSeconds } = DEFAULT_PROBE_LIMITS
  const wavPath = () => recodedPath(context)
  try {
    return await withReadable(path, { ffmpeg, maxSeconds, signal, wavPath }, async (file) => ({
      ...(await inAudioThread({ name: 'plan', order: { path: file.path, options } }, DEFAULT_PROBE_LIMITS, signal)),
      recoded: file.recoded,
    }))
  } catch (error) {
    const ended = error instanceof Permanent ? Ended.safeParse(error.class) : null
    if (ended?.success) return ended.data
    throw error
  }
}
