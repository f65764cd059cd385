import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { inAudioThread } from '../../src/audio/audio-thread.ts'
import type { CutFile } from '../../src/audio/cut.ts'
import { recodeToWav } from '../../src/audio/ffmpeg.ts'
import { DEFAULT_PROBE_LIMITS } from '../../src/audio/probe-limits.ts'
import type { AudioFormat } from '../../src/audio/sniff.ts'
import { lengthOf } from '../../src/audio/spans.ts'
import { splitPart } from '../../src/audio/split-part.ts'
import { readCall } from '../../src/db/call-facts.ts'
import { readHearing } from '../../src/db/hearing.ts'
import { page } from '../../src/engine/page.ts'
import { Permanent } from '../../src/errors.ts'
import { failureOf } from '../../src/vibecode/failure-error.ts'
import type { CallContext } from '../call-context.ts'
import { CallInput, Heard, Part, Recording, Speech } from '../call-input.ts'
import { capSpeech } from '../cap-speech.ts'
import { fetchRecording } from '../fetch-recording.ts'
import { readPortalTranscript } from '../read-portal-transcript.ts'
import { recodedName } from '../recoded-name.ts'
import { rubricOfCalls } from '../rubrics/rubric-of-calls.ts'
import { step } from '../step.ts'

const Planned = z.object({
  sha256: z.string(),
  bytes: z.number(),
  format: z.string().nullable(),
  recoded: z.boolean(),
  encoding: z.enum(['copy', 'mp3']),
  durationSeconds: z.number().nullable(),
  speech: Speech,
  fromPortal: z.boolean().optional(),
})
type Planned = z.output<typeof Planned>

/** What a part has become when the upstream could not take it in one piece; a piece that was heard is never sent again. */
const Piece = z.object({ part: Part, heard: Heard.nullable() })
type Piece = z.output<typeof Piece>
const Pieces = z.array(Piece)

/** Shorter ones are not split: what fails then fails for another reason. */
const minSplitSeconds = 120

/**
 * Transcribes one part of the recording. Each part is a job of its own: one that fails is repeated alone. A part that the upstream cannot
 * finish in its time (504) or take (413) is split in two instead of sent again; what has been heard of it stands in the step's cursor.
 */
export const transcribePart = step({
  name: 'transcribePart',
  queue: 'transcribe',
  family: 'ai',
  input: z.object({
    run: CallInput,
    locateRecording: z.object({ recording: Recording.nullable(), activityId: z.string().nullable().optional() }),
    planAudio: Planned,
    item: Part,
  }),
  output: z.object({ pieces: z.array(Heard) }),
  async run(context, { run, locateRecording, planAudio, item }) {
    const { recording } = locateRecording
    if (recording === null) throw new Error('transcribePart needs a recording')
    const pieces: readonly Piece[] =
      context.cursor === null ? [{ part: item, heard: null }] : Pieces.parse(context.cursor)
    const next = pieces.findIndex((piece) => piece.heard === null)
    const piece = pieces[next]
    if (piece === undefined) return { pieces: pieces.flatMap((one) => one.heard ?? []) }
    if (planAudio.fromPortal === true)
      return { pieces: [await takeFromPortal(context, locateRecording.activityId ?? null, piece.part)] }
    const heard = await hearPiece(context, run.callId, recording, planAudio, piece.part)
    const become: Piece[] =
      heard === 'too_long'
        ? splitPart(piece.part, planAudio.speech).map((part) => ({ part, heard: null }))
        : [{ part: piece.part, heard }]
    const now = pieces.toSpliced(next, 1, ...become)
    if (now.some((one) => one.heard === null)) return page({ children: [], cursor: now })
    return { pieces: now.flatMap((one) => one.heard ?? []) }
  },
})

/** Without times and without sides, and unpaid. Of a transcript that is gone since it was planned with, the recording is heard after all. */
async function takeFromPortal(context: CallContext, activityId: string | null, part: Part): Promise<Heard> {
  const text = await readPortalTranscript(context, activityId)
  if (text === null) return await context.restartFrom('planAudio', "the portal's own transcript is not there any more")
  const { capped, ...spoken } = capSpeech({ text }, lengthOf(part.spans))
  const timeMap = [{ atSeconds: 0, fromSeconds: part.spans[0]?.startSeconds ?? 0 }]
  return { part, timeMap, text: spoken.text, language: null, segments: null, ...(capped ? { capped } : {}) }
}

async function hearPiece(
  context: CallContext,
  callId: string,
  recording: Recording,
  planned: Planned,
  part: Part,
): Promise<Heard | 'too_long'> {
  const file = await cutPiece(context, recording, planned, part)
  const { settings } = context.portal
  const language = await chooseLanguage(context, callId, recording)
  const seconds = lengthOf(part.spans)
  try {
    const heard = await context.spend({ of: { sha256: planned.sha256, part }, seconds }, () =>
      context.vibecode.transcribe({
        file: () => createReadStream(file.path),
        bytes: file.bytes,
        filename: `recording.${file.extension}`,
        language: language === 'auto' ? undefined : language,
        model: settings.speechModel ?? context.config.speechModel,
        prompt: settings.glossary ?? rubricOfCalls(context.rubrics, settings).glossary,
        responseFormat: 'verbose_json',
        deadlineMs: context.config.timings.transcribeDeadlineMs,
      }),
    )
    const { capped, ...spoken } = capSpeech(heard, seconds)
    const segments = spoken.segments?.map((one) => ({
      start: one.start,
      end: one.end,
      text: one.text,
      ...(one.no_speech_prob === undefined ? {} : { noSpeechProb: one.no_speech_prob }),
      ...(one.avg_logprob === undefined ? {} : { avgLogprob: one.avg_logprob }),
      ...(one.compression_ratio === undefined ? {} : { compressionRatio: one.compression_ratio }),
    }))
    const { timeMap } = file
    return {
      part,
      timeMap: [...timeMap],
      text: spoken.text.trim(),
      language: heard.language ?? null,
      segments: segments ?? null,
      ...(capped ? { capped } : {}),
    }
  } catch (error) {
    const failure = failureOf(error)
    const status = failure?.httpStatus
    // A 504 that says "not yet" was never begun: it is waited for, whole.
    const tooLong = (status === 504 && failure?.outcome !== 'later') || status === 413
    if (tooLong && seconds > minSplitSeconds) return 'too_long'
    throw error
  }
}

/** The language asked for this recording, else the line's, else the portal's, else the program's. */
async function chooseLanguage(context: CallContext, callId: string, recording: Recording): Promise<string> {
  const asked = recording.kind === 'upload' ? (await readHearing(context.db, recording.uploadId)).language : undefined
  if (asked !== undefined) return asked
  const { lineLanguages, language } = context.portal.settings
  if (lineLanguages !== undefined) {
    const { line } = await readCall(context.db, callId)
    const ofLine = line === null ? undefined : lineLanguages[line]
    if (ofLine !== undefined) return ofLine
  }
  return language ?? context.config.language
}

/** The part as a file of its own; a recording that is one part is sent as it is. */
async function cutPiece(
  context: CallContext,
  recording: Recording,
  planned: Planned,
  part: Part,
): Promise<CutFile & { path: string }> {
  const source = await bringSource(context, recording, planned)
  const format = (planned.recoded ? 'wav' : (planned.format ?? 'mp3')) as AudioFormat
  const [only, ...others] = part.spans
  const whole = part.channel === null && others.length === 0 && only !== undefined && planned.encoding === 'copy'
  if (whole && only.startSeconds === 0 && only.endSeconds >= (planned.durationSeconds ?? 0) - 0.01) {
    const { size } = await stat(source)
    return { path: source, bytes: size, extension: format, timeMap: [{ atSeconds: 0, fromSeconds: 0 }] }
  }
  const target = join(await context.tempDir(), 'part')
  const { spans, channel } = part
  const order = { source, format, encoding: planned.encoding, spans, channel, target }
  const cut = await inAudioThread({ name: 'cut', order }, DEFAULT_PROBE_LIMITS, context.signal)
  if (cut.timeMap.length === 0 || cut.bytes === 0) {
    throw new Permanent('corrupt_audio', {
      message: `Part ${part.index} of the recording came out empty when it was cut.`,
      hint: 'Run the call again from planAudio; if it happens again, please report the file.',
      policy: 'manual',
    })
  }
  return { path: target, ...cut }
}

/** What parts are cut from: the recording, or the WAV that ffmpeg made of it. Once a machine and run, where the cache has room for it. */
async function bringSource(context: CallContext, recording: Recording, planned: Planned): Promise<string> {
  if (!planned.recoded) return await bringRecording(context, recording, planned)
  const folder = join(await context.tempDir(), 'recoded')
  await mkdir(folder)
  const path = await context.recordings.bring(recodedName(planned.sha256), folder, context.runId, async () => {
    const source = await bringRecording(context, recording, planned)
    if (context.ffmpeg === null) throw withoutFfmpeg()
    const wav = join(folder, 'recoded.wav')
    const { maxSeconds } = DEFAULT_PROBE_LIMITS
    await recodeToWav(context.ffmpeg, source, wav, { maxSeconds, signal: context.signal })
    return wav
  })
  if (path === null) throw new Error('a recording was recoded into nothing')
  return path
}

function withoutFfmpeg(): Permanent {
  return new Permanent('needs_ffmpeg', {
    message: 'The recording was planned with the help of ffmpeg, and this worker has none.',
    hint: 'Install ffmpeg where the workers run (or name it in CALLSIFT_FFMPEG), then retry the call.',
    policy: 'fix',
  })
}

/** The planned bytes: from this machine's cache, else fetched anew. Other bytes under the same id mean a replaced recording. */
async function bringRecording(context: CallContext, recording: Recording, planned: Planned): Promise<string> {
  const path = await context.recordings.bring(planned.sha256, await context.tempDir(), context.runId, async () => {
    const fetched = await fetchRecording(context, recording)
    return fetched.sha256 === planned.sha256 ? fetched.path : null
  })
  if (path !== null) return path
  return await context.restartFrom('planAudio', 'the recording was replaced after it had been planned')
}
