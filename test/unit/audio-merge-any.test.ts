import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import type { HeardPart, PlannedPart, Span } from '../../src/audio/shapes.ts'
import { heardPart, said } from '../support/heard-part.ts'

const word = fc.constantFrom('да', 'Угу.', 'нам', 'нужно', 'тридцать', 'мест', 'x', '…', 'Спасибо.', 'ещё')
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '))
const seconds = fc.double({ min: 0, max: 90, noNaN: true })
const segment = fc.tuple(seconds, seconds, text).map(([start, end, spoken]) => said(start, end, spoken))
const spans = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 4 })
  .map((pairs) => {
    let at = 0
    return pairs.map(([gap, length]): Span => {
      const startSeconds = at + gap
      at = startSeconds + length
      return { startSeconds, endSeconds: at }
    })
  })
const part = fc
  .record({
    spans,
    shift: fc.integer({ min: 0, max: 100 }),
    seam: fc.constantFrom<PlannedPart['seam']>('start', 'pause', 'hard'),
    channel: fc.constantFrom(null, 0, 1),
    came: fc.oneof(fc.record({ text }), fc.record({ segments: fc.array(segment, { maxLength: 8 }) })),
  })
  .map(({ shift, came, ...rest }) => {
    const moved = rest.spans.map((one) => ({
      startSeconds: one.startSeconds + shift,
      endSeconds: one.endSeconds + shift,
    }))
    const speaker = rest.channel === null ? null : rest.channel === 0 ? ('agent' as const) : ('customer' as const)
    return (index: number): HeardPart => heardPart({ ...rest, index, speaker, spans: moved, overlapSeconds: 10 }, came)
  })
const wordsIn = (texts: readonly string[]) => texts.flatMap((one) => one.split(/\s+/)).filter((one) => one !== '')

it('whatever comes back, a transcript is in order, within its times, and holds nothing that was not heard', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.array(spans, { maxLength: 2 }), (made, speech) => {
      const parts = made.map((make, index) => make(index))
      const merged = mergeTranscript(parts, speech)
      const starts = merged.segments.map((one) => one.start)
      expect(starts).toEqual(starts.toSorted((a, b) => a - b))
      for (const one of merged.segments) {
        expect(Number.isFinite(one.start) && Number.isFinite(one.end)).toBe(true)
        expect(one.end).toBeGreaterThanOrEqual(one.start)
        expect(one.text).not.toBe('')
      }
      const heard = new Map<string, number>()
      const told = parts.flatMap((one) => (one.segments === null ? [one.text] : one.segments.map((s) => s.text)))
      for (const one of wordsIn(told)) heard.set(one, (heard.get(one) ?? 0) + 1)
      for (const one of wordsIn(merged.segments.map((s) => s.text))) {
        const left = (heard.get(one) ?? 0) - 1
        expect(left).toBeGreaterThanOrEqual(0)
        heard.set(one, left)
      }
      const { talk } = merged
      for (const value of [talk.agentSeconds ?? 0, talk.customerSeconds ?? 0, talk.silences.seconds])
        expect(value).toBeGreaterThanOrEqual(0)
      expect(merged.openSeams.every(Number.isFinite)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
