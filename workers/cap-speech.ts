import type { Transcription } from '../src/vibecode/transcribe.ts'

/** Twice as fast as the fastest speaker, and something for what takes no time. */
const charactersPerSecond = 40
const always = 2_000

type Spoken = Pick<Transcription, 'text' | 'segments'>

/** What can have been said in so many seconds; the rest is a recogniser gone astray, and would be stored, judged and paid for. */
export function capSpeech(heard: Spoken, seconds: number): Spoken & { capped: boolean } {
  const most = Math.ceil(seconds * charactersPerSecond) + always
  const text = cut(heard.text, most)
  const { segments } = heard
  if (segments === undefined) return { text, capped: heard.text.length > most }
  const kept: NonNullable<Spoken['segments']> = []
  let left = most
  for (const segment of segments) {
    if (left > 0) kept.push({ ...segment, text: cut(segment.text, left) })
    left -= segment.text.length
  }
  return { text, segments: kept, capped: left < 0 }
}

/** Not through the middle of a character. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).toWellFormed()
}
