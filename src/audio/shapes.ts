/** Seconds of the recording, from its first sample. */
export interface Span {
  readonly startSeconds: number
  readonly endSeconds: number
}

/** Who is heard on a track; null where both voices share it. */
export type Speaker = 'agent' | 'customer' | null

/** How a part follows the one before it on its track: in a pause, or in the middle of speech with sound that both of them hold. */
export type Seam = 'start' | 'pause' | 'hard'

/** What one transcription request hears. */
export interface PlannedPart {
  /** Counts over all tracks; the order of the jobs. */
  readonly index: number
  /** Channel of the recording; null = all of them mixed. */
  readonly channel: number | null
  readonly speaker: Speaker
  /** Ascending and disjoint; more than one where silence between them is left out. */
  readonly spans: readonly Span[]
  readonly seam: Seam
  /** Sound at this part's head that the part before it holds too, seconds; 0 unless `hard`. */
  readonly overlapSeconds: number
}

/** A piece of the sound that was sent: `atSeconds` in the sent file is `fromSeconds` of the recording. */
export interface TimePoint {
  readonly atSeconds: number
  readonly fromSeconds: number
}

/** What came back for a part. Times are seconds of the sent file; `timeMap` leads back to the recording. */
export interface HeardPart {
  readonly part: PlannedPart
  /** Ascending by `atSeconds`; begins with the first packet that was really sent. */
  readonly timeMap: readonly TimePoint[]
  readonly text: string
  readonly language: string | null
  readonly segments: readonly HeardSegment[] | null
}

export interface HeardSegment {
  readonly start: number
  readonly end: number
  readonly text: string
  /** Whisper's own measures, where the upstream passes them on. */
  readonly noSpeechProb?: number | undefined
  readonly avgLogprob?: number | undefined
  readonly compressionRatio?: number | undefined
}

/** Times are seconds of the recording. */
export interface TranscriptSegment {
  readonly speaker: Speaker
  readonly start: number
  readonly end: number
  readonly text: string
}
