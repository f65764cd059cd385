import type { HeardPart, Span, TranscriptSegment } from '../shapes.ts'
import { joinTrack } from './join-track.ts'
import { measureTalk, type Talk } from './measure-talk.ts'

export interface Transcript {
  /** By start; turns of two speakers interleaved. */
  readonly segments: readonly TranscriptSegment[]
  readonly language: string | null
  readonly timesEstimated: boolean
  /** Seconds of the recording at which two parts could not be joined for sure. */
  readonly openSeams: readonly number[]
  readonly talk: Talk
}

/**
 * One transcript of all parts: each track's parts joined, what nobody said left out, turns interleaved by time.
 * `speech`: where somebody speaks, by channel, as the plan has it; one row where the channels were mixed, none where nobody can tell.
 */
export function mergeTranscript(parts: readonly HeardPart[], speech: readonly (readonly Span[])[]): Transcript {
  const channels = [...new Set(parts.map(({ part }) => part.channel))]
  const tracks = channels.map((channel) => {
    const own = parts.filter(({ part }) => part.channel === channel)
    if (speech.length === 0) return joinTrack(own, null)
    return joinTrack(own, channel === null ? speech.flat() : (speech[channel] ?? []))
  })
  const segments = tracks
    .flatMap((track) => track.segments)
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map((segment) => ({ ...segment, start: round(segment.start), end: round(segment.end) }))
  return {
    segments,
    language: parts.find(({ language }) => language !== null)?.language ?? null,
    timesEstimated: tracks.some((track) => track.timesEstimated),
    openSeams: tracks.flatMap((track) => track.openSeams).map(round),
    talk: measureTalk(parts, segments, speech),
  }
}

const round = (seconds: number) => Math.round(seconds * 1_000) / 1_000
