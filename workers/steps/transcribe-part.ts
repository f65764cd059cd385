import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { CallContext } from '../call-context.ts'
import { CallInput, Part, Recording } from '../call-input.ts'
import { fetchRecording } from '../fetch-recording.ts'
import { step } from '../step.ts'

const Segment = z.object({ start: z.number(), end: z.number(), text: z.string() })

/** Transcribes one part of the recording. Each part is a job of its own: one that fails is repeated alone. */
export const transcribePart = step({
  name: 'transcribePart',
  queue: 'transcribe',
  family: 'ai',
  input: z.object({
    run: CallInput,
    locateRecording: z.object({ recording: Recording.nullable() }),
    planAudio: z.object({ sha256: z.string(), bytes: z.number(), format: z.string().nullable() }),
    item: Part,
  }),
  output: z.object({ text: z.string(), language: z.string().nullable(), segments: z.array(Segment).nullable() }),
  async run(context, { locateRecording, planAudio, item }) {
    const { recording } = locateRecording
    if (recording === null) throw new Error('transcribePart needs a recording')
    const path = await bringRecording(context, recording, planAudio.sha256)
    const { settings } = context.portal
    const language = settings.language ?? context.config.language
    const payment = { of: { sha256: planAudio.sha256, item }, seconds: item.endSeconds - item.startSeconds }
    const heard = await context.spend(payment, () =>
      context.vibecode.transcribe({
        file: () => createReadStream(path),
        bytes: planAudio.bytes,
        filename: `recording.${planAudio.format ?? 'mp3'}`,
        language: language === 'auto' ? undefined : language,
        model: settings.speechModel ?? context.config.speechModel,
        deadlineMs: context.config.timings.transcribeDeadlineMs,
      }),
    )
    return { text: heard.text.trim(), language: heard.language ?? null, segments: heard.segments ?? null }
  },
})

/** The planned bytes: from this machine's cache, else fetched anew. Other bytes under the same id mean a replaced recording. */
async function bringRecording(context: CallContext, recording: Recording, sha256: string): Promise<string> {
  const cached = join(await context.tempDir(), 'cached')
  if (await context.recordings.get(sha256, cached, context.runId)) return cached
  const fetched = await fetchRecording(context, recording)
  if (fetched.sha256 !== sha256) {
    return await context.restartFrom('planAudio', 'the recording was replaced after it had been planned')
  }
  return fetched.path
}
