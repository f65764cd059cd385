import type { TranscriptSegment } from '../audio/shapes.ts'

export const transcriptFormats = ['text', 'json', 'srt', 'vtt'] as const

/** A subtitle longer than this is read too late; longer segments are shown in pieces. */
const maxCueSeconds = 7
const labels = { agent: 'Agent', customer: 'Customer' }

/** The transcript for people (`text`: a line a segment with its time), for programs (`json`), or as subtitles (SubRip, WebVTT). */
export function transcriptAs(
  format: (typeof transcriptFormats)[number],
  transcript: { readonly segments: readonly TranscriptSegment[] },
): string {
  const { segments } = transcript
  if (format === 'json') return JSON.stringify(transcript, null, 2)
  if (format === 'text') {
    return segments.map((one) => `[${stamp(one.start, '.').slice(0, 8)}] ${labelOf(one)}${one.text}`).join('\n')
  }
  const cues = segments.flatMap(cutCues)
  if (format === 'vtt') {
    const voice = (one: TranscriptSegment) => (one.speaker === null ? '' : `<v ${labels[one.speaker]}>`)
    const lines = cues.map(
      (one) => `${stamp(one.start, '.')} --> ${stamp(one.end, '.')}\n${voice(one)}${plain(one.text)}\n`,
    )
    return `WEBVTT\n\n${lines.join('\n')}`
  }
  return cues
    .map(
      (one, index) => `${index + 1}\n${stamp(one.start, ',')} --> ${stamp(one.end, ',')}\n${labelOf(one)}${one.text}\n`,
    )
    .join('\n')
}

function labelOf(segment: TranscriptSegment): string {
  return segment.speaker === null ? '' : `${labels[segment.speaker]}: `
}

/** WebVTT reads these as its own marks. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('-->', '→')
}

function cutCues(segment: TranscriptSegment): TranscriptSegment[] {
  const seconds = segment.end - segment.start
  const words = segment.text.split(/\s+/)
  const count = Math.min(words.length, Math.ceil(seconds / maxCueSeconds))
  return Array.from({ length: Math.max(1, count) }, (_, index) => {
    const own = words.slice(
      Math.round((index * words.length) / count),
      Math.round(((index + 1) * words.length) / count),
    )
    const [start, end] = [segment.start + (seconds * index) / count, segment.start + (seconds * (index + 1)) / count]
    return { ...segment, start, end, text: own.join(' ') }
  })
}

/** `01:02:03,045`. */
function stamp(seconds: number, point: string): string {
  const ms = Math.round(seconds * 1_000)
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60]
  return `${two(hours)}:${two(minutes)}:${two(rest)}${point}${String(ms % 1_000).padStart(3, '0')}`
}
