import type { TranscriptSegment } from '../src/audio/shapes.ts'

/** About 16,000 tokens of Russian: what a model reads with care. */
const maxCharacters = 48_000
/** Who calls and why is said at the beginning; what was agreed on at the end. */
const headShare = 0.6

const names = {
  ru: { agent: 'Менеджер', customer: 'Клиент', end: '[здесь запись обрывается]' },
  en: { agent: 'Agent', customer: 'Customer', end: '[the recording breaks off here]' },
}

/** The transcript as a model reads it: a line a turn, with who says it where that is known. What is too long loses its middle. */
export function tellTranscript(transcript: {
  readonly segments: readonly TranscriptSegment[]
  readonly language: string | null
  /** The recording breaks off: what was agreed on at the end is not known. */
  readonly truncated?: boolean
}): string {
  const { segments, language } = transcript
  const name = names[language?.startsWith('en') ? 'en' : 'ru']
  const lines: { speaker: TranscriptSegment['speaker']; words: string[] }[] = []
  for (const { speaker, text } of segments) {
    const last = lines.at(-1)
    if (last !== undefined && last.speaker === speaker) last.words.push(text)
    else lines.push({ speaker, words: [text] })
  }
  const told = lines
    .map(({ speaker, words }) => (speaker === null ? words.join('\n') : `${name[speaker]}: ${words.join(' ')}`))
    .join('\n')
    .trim()
  const text = transcript.truncated === true ? `${told}\n${name.end}` : told
  if (text.length <= maxCharacters) return text
  const head = text.slice(0, maxCharacters * headShare)
  const tail = text.slice(-maxCharacters * (1 - headShare))
  const left = text.slice(head.length, text.length - tail.length).split(/\s+/).length
  return `${head}\n[… ${left} words left out …]\n${tail}`
}
