import { findCut } from './find-cut.ts'
import { findSpeech } from './find-speech.ts'
import type { Probe } from './probe.ts'
import type { PlannedPart, Seam, Span, Speaker } from './shapes.ts'
import { clip, lengthOf, placeOf } from './spans.ts'

export interface PlanOptions {
  /** A recording up to this long is one part. */
  readonly maxWholeSeconds: number
  readonly maxPartSeconds: number
  /** Of the file that is sent for a part. */
  readonly maxPartBytes: number
  readonly searchSeconds: number
  /** Sound that both parts of a hard seam hold. */
  readonly overlapSeconds: number
  readonly stereo: 'split' | 'mix'
  /** On which channel our side speaks. */
  readonly agentChannel: 0 | 1
}

export const defaultPlanOptions: PlanOptions = {
  maxWholeSeconds: 28 * 60,
  maxPartSeconds: 25 * 60,
  maxPartBytes: 24_000_000,
  searchSeconds: 60,
  overlapSeconds: 10,
  stereo: 'split',
  agentChannel: 0,
}

/** How a part's sound is taken from the file: its packets or samples as they are, or encoded anew as MP3. */
export type Encoding = 'copy' | 'mp3'

export interface AudioPlan {
  readonly encoding: Encoding
  readonly parts: readonly PlannedPart[]
  /** What is sent and paid for, all parts together. */
  readonly heardSeconds: number
  /** Where somebody speaks, by channel (one row where they are mixed); no row where nobody can tell loudness from the file. */
  readonly speech: readonly (readonly Span[])[]
}

/** Of MP3 as we encode it: 16 kHz or less, mono, 32 kbit/s. */
const MP3_BYTES_PER_SECOND = 4_000
/** A variable rate may be above its average for half an hour. */
const VARIABLE_MARGIN = 0.9
/** Samples and our own MP3 have one rate; headers are small. */
const STEADY_MARGIN = 0.99
/** Parts are made so much shorter than the bytes allow that a cut may lie so far from its mark, seconds. */
const MIN_ROOM_SECONDS = 30
/** Rather encode anew than send parts shorter than this: many small parts cost the recogniser its context. */
const MIN_COPY_SECONDS = 10 * 60
const MIN_TAIL_SECONDS = 5

interface Track {
  readonly channel: number | null
  readonly speaker: Speaker
  readonly spans: readonly Span[]
  readonly levels: Float32Array
}

/**
 * Decides the parts of a recording: whole where it is short, mono and small, else equal parts cut in pauses; a stereo recording of two
 * voices gives a track for each, of which only the stretches with speech are sent. Pure: it reads what `probeAudio` measured.
 */
export function planParts(probe: Probe, options: PlanOptions = defaultPlanOptions): AudioPlan {
  const tracks = chooseTracks(probe, options)
  const split = tracks.some((track) => track.channel !== null)
  const copied = probe.bitrate / 8 / (split ? probe.channels : 1)
  const encoding: Encoding =
    (split && probe.format !== 'wav') || options.maxPartBytes / copied < MIN_COPY_SECONDS ? 'mp3' : 'copy'
  const anew = canEncode(probe) && encoding === 'mp3'
  const perSecond = anew ? MP3_BYTES_PER_SECOND : copied
  const margin = anew || probe.format === 'wav' ? STEADY_MARGIN : VARIABLE_MARGIN
  const limits = {
    wholeByBytes: options.maxPartBytes / perSecond,
    byBytes: (options.maxPartBytes * margin) / perSecond,
  }
  const parts: PlannedPart[] = []
  for (const track of tracks) parts.push(...cutTrack(track, limits, options, parts.length))
  const heardSeconds = parts.reduce((sum, part) => sum + lengthOf(part.spans), 0)
  return {
    encoding: canEncode(probe) ? encoding : 'copy',
    parts,
    heardSeconds,
    speech: probe.speechMeasure === 'none' ? [] : probe.levels.map(findSpeech),
  }
}

/** What can be decoded here can be taken apart and encoded; of the rest, packets are copied as they are. */
function canEncode(probe: Probe): boolean {
  return probe.speechMeasure === 'samples'
}

function chooseTracks(probe: Probe, options: PlanOptions): Track[] {
  const whole = [{ startSeconds: 0, endSeconds: probe.durationSeconds }]
  const [levels] = probe.levels
  if (levels === undefined) return []
  const heard = probe.levels.flatMap((_, channel) => ((probe.channelSpeech[channel] ?? 0) > 0 ? [channel] : []))
  const two = probe.levels.length === 2 && heard.length === 2 && !probe.alike && canEncode(probe)
  if (options.stereo === 'mix' || !two) {
    return [{ channel: null, speaker: null, spans: whole, levels: loudest(probe.levels) }]
  }
  return probe.levels.map((row, channel) => ({
    channel,
    speaker: channel === options.agentChannel ? ('agent' as const) : ('customer' as const),
    spans: findSpeech(row).map((span) => ({ ...span, endSeconds: Math.min(span.endSeconds, probe.durationSeconds) })),
    levels: row,
  }))
}

function loudest(rows: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = rows
  return first.map((level, index) => others.reduce((most, row) => Math.max(most, row[index] ?? most), level))
}

/** `limits`: seconds of the track that are as many bytes as may be sent. */
function cutTrack(
  track: Track,
  limits: { readonly wholeByBytes: number; readonly byBytes: number },
  options: PlanOptions,
  firstIndex: number,
): PlannedPart[] {
  const total = lengthOf(track.spans)
  const fits = total <= Math.min(options.maxWholeSeconds, limits.wholeByBytes)
  // One long span that is cut hard is sent with its overlap: the room for it is kept, and for both its cuts to lie off their marks.
  const byBytes = limits.byBytes - options.overlapSeconds
  const longest = Math.min(options.maxPartSeconds, byBytes - 2 * Math.min(MIN_ROOM_SECONDS, limits.byBytes / 10))
  const count = fits ? 1 : Math.max(2, Math.ceil(total / Math.max(MIN_TAIL_SECONDS * 2, longest)))
  const bounds: { at: number; seam: Seam }[] = []
  for (let index = 1; index < count; index++) {
    const mark = placeOf(track.spans, (total * index) / count)
    const length = total / count
    const room = Math.min(options.searchSeconds, length / 3, Math.max(0, byBytes - length) / 2)
    const cut = findCut(track.levels, mark, room)
    bounds.push({ at: cut.atSeconds, seam: cut.seam })
  }
  const end = track.spans.at(-1)?.endSeconds ?? 0
  const parts: PlannedPart[] = []
  for (let index = 0; index < count; index++) {
    const from = bounds[index - 1] ?? { at: 0, seam: 'start' as const }
    const to = bounds[index]
    const overlap = to?.seam === 'hard' ? options.overlapSeconds : 0
    const spans = clip(track.spans, from.at, Math.min(end, (to?.at ?? end) + overlap))
    if (spans.length === 0) continue
    const { channel, speaker } = track
    const overlapSeconds = from.seam === 'hard' ? lengthOf(clip(spans, from.at, from.at + options.overlapSeconds)) : 0
    const seam = parts.length === 0 ? ('start' as const) : from.seam
    parts.push({ index: firstIndex + parts.length, channel, speaker, spans, seam, overlapSeconds })
  }
  return parts
}
