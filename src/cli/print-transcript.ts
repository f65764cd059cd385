import type { MergedTranscript } from './merged-transcript.ts'
import type { Terminal } from './terminal.ts'
import { transcriptAs } from './transcript-formats.ts'

/** What was said, a line a segment; what could make a terminal do something is left out. */
export function printTranscript(terminal: Terminal, transcript: MergedTranscript): void {
  const { segments, timesEstimated, openSeams } = transcript
  if (segments.length === 0) return
  const doubts = [
    ...(timesEstimated ? ['times estimated'] : []),
    ...(openSeams.length > 0
      ? [`words may stand twice at ${openSeams.map((at) => `${Math.round(at)} s`).join(', ')}`]
      : []),
  ]
  terminal.line()
  terminal.line(`The transcript${doubts.length > 0 ? ` (${doubts.join('; ')})` : ''}:`)
  for (const line of transcriptAs('text', transcript).split('\n')) terminal.line(`  ${line.replace(/\p{Cc}/gu, ' ')}`)
}
