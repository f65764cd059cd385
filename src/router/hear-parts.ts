import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inAudioThread } from '../audio/audio-thread.ts'
import type { CutFile } from '../audio/cut.ts'
import { mergeTranscript } from '../audio/merge/merge-transcript.ts'
import { recordingSpan } from '../audio/merge/recording-span.ts'
import { DEFAULT_PROBE_LIMITS } from '../audio/probe-limits.ts'
import type { HeardPart, HeardSegment, PlannedPart } from '../audio/shapes.ts'
import { lengthOf } from '../audio/spans.ts'
import { type HeardBy, type Hearing, hear } from './hear.ts'
import type { RecordingPlan } from './plan-recording.ts'
import type { Heard } from './speech-text.ts'

interface PartHeard {
  readonly part: PlannedPart
  readonly cut: CutFile
  readonly heard: Heard
}

/**
 * Hears a long recording in its parts, `atOnce` of them at a time, and joins what was heard. `onHeard` is told of each part, which is paid
 * for even where another one fails: then the rest is given up. Throws what the failed part threw.
 */
export async function hearParts(
  hearing: Hearing,
  planned: RecordingPlan,
  options: {
    readonly folder: string
    readonly atOnce: number
    readonly onHeard: (part: HeardBy & { readonly seconds: number }) => void
  },
): Promise<Heard> {
  const givenUp = new AbortController()
  const signal = AbortSignal.any([hearing.signal, givenUp.signal])
  const { measured, plan } = planned
  const waiting = plan.parts.values()
  const done: PartHeard[] = []
  const walk = async () => {
    for (const part of waiting) {
      const { spans, channel } = part
      const target = join(options.folder, `part-${part.index}`)
      const order = {
        source: hearing.file.path,
        format: measured.format,
        encoding: plan.encoding,
        spans,
        channel,
        target,
      }
      const cut = await inAudioThread({ name: 'cut', order }, DEFAULT_PROBE_LIMITS, signal)
      const { contentType } = hearing.file
      const file = { path: target, bytes: cut.bytes, filename: `audio.${cut.extension}`, contentType }
      const told = await hear({ ...hearing, file, signal })
      await rm(target, { force: true })
      options.onHeard({ ...told, seconds: lengthOf(spans) })
      done.push({ part, cut, heard: told.heard })
    }
  }
  const walks = Array.from({ length: Math.min(options.atOnce, plan.parts.length) }, () =>
    walk().catch((error: unknown) => {
      givenUp.abort(error)
      throw error
    }),
  )
  // All of them have let go of their files before the folder goes.
  await Promise.allSettled(walks)
  await Promise.all(walks)
  done.sort((a, b) => a.part.index - b.part.index)
  return joinParts(done, planned)
}

function joinParts(parts: readonly PartHeard[], { measured, plan }: RecordingPlan): Heard {
  const { segments, language } = mergeTranscript(parts.map(heardPart), plan.speech)
  return {
    text: segments.map(({ text }) => text).join(' '),
    language,
    durationS: measured.durationSeconds,
    segments: segments.map(({ start, end, text }) => ({ start, end, text: ` ${text}` })),
    words: joinWords(parts),
  }
}

function heardPart({ part, cut, heard }: PartHeard): HeardPart {
  return {
    part,
    timeMap: cut.timeMap,
    text: heard.text.trim(),
    language: heard.language,
    segments: heard.segments.length === 0 ? null : heard.segments.map(readSegment),
  }
}

function readSegment(segment: Record<string, unknown>): HeardSegment {
  const number = (name: string) => (typeof segment[name] === 'number' ? segment[name] : undefined)
  return {
    start: Number(segment['start']),
    end: Number(segment['end']),
    text: String(segment['text']),
    noSpeechProb: number('no_speech_prob'),
    avgLogprob: number('avg_logprob'),
    compressionRatio: number('compression_ratio'),
  }
}

/** Words with their times, where every part came with them; of what two parts hold, each gives its half. */
function joinWords(parts: readonly PartHeard[]): unknown[] | null {
  if (parts.some(({ heard }) => heard.words === null)) return null
  const begins = parts.map(({ part }) => (part.spans[0]?.startSeconds ?? 0) + part.overlapSeconds / 2)
  return parts.flatMap(({ cut, heard }, index) => {
    const [from, to] = [index === 0 ? 0 : (begins[index] ?? 0), begins[index + 1] ?? Number.POSITIVE_INFINITY]
    return (heard.words ?? []).flatMap((word) => {
      if (!isWord(word)) return []
      const { startSeconds, endSeconds } = recordingSpan(cut.timeMap, word)
      return startSeconds >= from && startSeconds < to ? [{ ...word, start: startSeconds, end: endSeconds }] : []
    })
  })
}

function isWord(value: unknown): value is { readonly start: number; readonly end: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'start' in value &&
    typeof value.start === 'number' &&
    'end' in value &&
    typeof value.end === 'number'
  )
}
