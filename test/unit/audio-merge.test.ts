import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dovetail } from '../../src/audio/merge/dovetail.ts'
import { dropInvented } from '../../src/audio/merge/drop-invented.ts'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import type { HeardPart, HeardSegment, PlannedPart } from '../../src/audio/shapes.ts'

const part = (over: Partial<PlannedPart>): PlannedPart => ({
  index: 0,
  channel: null,
  speaker: null,
  spans: [{ startSeconds: 0, endSeconds: 60 }],
  seam: 'start',
  overlapSeconds: 0,
  ...over,
})
const heard = (over: Partial<HeardPart> & { part: PlannedPart }): HeardPart => ({
  timeMap: [{ atSeconds: 0, fromSeconds: over.part.spans[0]?.startSeconds ?? 0 }],
  text: '',
  language: 'en',
  segments: null,
  ...over,
})
const words = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `w${from + index}`)

describe('the words of two parts that hold the same stretch', () => {
  it('are joined without loss or repetition, wherever the stretch begins and however its edges were heard', () => {
    const lengths = {
      left: fc.integer({ min: 5, max: 80 }),
      both: fc.integer({ min: 4, max: 30 }),
      right: fc.integer({ min: 0, max: 80 }),
    }
    fc.assert(
      fc.property(fc.record(lengths), fc.boolean(), fc.boolean(), ({ left, both, right }, cutLeft, cutRight) => {
        const total = words(0, left + both + right)
        const first = words(0, left + both)
        const second = words(left, left + both + right)
        // A word that a cut goes through is heard as something else.
        if (cutLeft) first[first.length - 1] = 'half'
        if (cutRight) second[0] = 'alf'
        const { leftWords, rightSkipped, aligned } = dovetail(first, second, both + 6)
        expect(aligned).toBe(true)
        expect([...first.slice(0, leftWords), ...second.slice(rightSkipped)]).toEqual(total)
      }),
    )
  })
  it('are kept whole, and told, where nothing is equal', () => {
    expect(dovetail(words(0, 10), words(50, 60), 8)).toEqual({ leftWords: 10, rightSkipped: 0, aligned: false })
  })
  it('are not drawn together by a phrase that is said again far from the seam', () => {
    const phrase = ['yes', 'of', 'course', 'we', 'can']
    const left = [...phrase, ...words(0, 60), ...words(100, 106)]
    const right = [...words(100, 106), ...words(200, 260), ...phrase]
    const { leftWords, rightSkipped } = dovetail(left, right, 12)
    expect([...left.slice(0, leftWords), ...right.slice(rightSkipped)]).toEqual([
      ...phrase,
      ...words(0, 60),
      ...words(100, 106),
      ...words(200, 260),
      ...phrase,
    ])
  })
})

describe('what nobody said', () => {
  const speech = [{ startSeconds: 0, endSeconds: 10 }]
  const map = [{ atSeconds: 0, fromSeconds: 0 }]
  const said = (text: string, more: Partial<HeardSegment> = {}): HeardSegment => ({ start: 1, end: 3, text, ...more })
  const left = (segments: HeardSegment[]) => dropInvented(segments, map, speech).map((one) => one.text)

  it('goes where the recogniser itself doubts it', () => {
    expect(
      left([said('a', { noSpeechProb: 0.9, avgLogprob: -1.5 }), said('b', { noSpeechProb: 0.9, avgLogprob: -0.2 })]),
    ).toEqual(['b'])
    expect(left([said('la la la la', { compressionRatio: 3.1 })])).toEqual([])
  })
  it('A14: known phrases go only where the energy says silence', () => {
    const over = (start: number) => said('Спасибо за просмотр!', { start, end: start + 2 })
    expect(left([over(30), said('Спасибо.', { start: 40, end: 41 })])).toEqual([])
    expect(left([over(4), said('Спасибо.', { start: 6, end: 7 })])).toEqual(['Спасибо за просмотр!', 'Спасибо.'])
  })
  it('goes from the third repetition on: a loop', () => {
    const loop = Array.from({ length: 9 }, (_, index) => said('Вы меня слышите?', { start: index, end: index + 1 }))
    expect(left(loop)).toEqual(['Вы меня слышите?', 'Вы меня слышите?'])
  })
  it('A14: hold music that was heard as a loop of a known phrase leaves no transcript, so that nothing is judged', () => {
    const loop = Array.from({ length: 20 }, (_, index) =>
      said('Спасибо за просмотр', { start: index * 3, end: index * 3 + 3 }),
    )
    const merged = mergeTranscript([heard({ part: part({}), segments: loop, text: 'x' })], [[]])
    expect(merged.segments).toEqual([])
  })
})

describe('parts in order', () => {
  it('at a pause are put one after the other, each by the time of its first packet', () => {
    const second = part({ index: 1, seam: 'pause', spans: [{ startSeconds: 60, endSeconds: 120 }] })
    const merged = mergeTranscript(
      [
        heard({
          part: second,
          timeMap: [{ atSeconds: 0, fromSeconds: 59.8 }],
          segments: [{ start: 0.7, end: 2, text: 'two' }],
        }),
        heard({ part: part({}), segments: [{ start: 1, end: 2, text: 'one' }] }),
      ],
      [[{ startSeconds: 0, endSeconds: 120 }]],
    )
    expect(merged.segments).toEqual([
      { speaker: null, start: 1, end: 2, text: 'one' },
      { speaker: null, start: 60.5, end: 61.8, text: 'two' },
    ])
  })
  it('with silence left out have the times of the recording', () => {
    const own = part({
      channel: 1,
      speaker: 'customer',
      spans: [
        { startSeconds: 10, endSeconds: 12 },
        { startSeconds: 40, endSeconds: 45 },
      ],
    })
    const timeMap = [
      { atSeconds: 0, fromSeconds: 10 },
      { atSeconds: 2, fromSeconds: 40 },
    ]
    const segments = [
      { start: 0.5, end: 2, text: 'before' },
      { start: 2, end: 4, text: 'after' },
    ]
    const merged = mergeTranscript([heard({ part: own, timeMap, segments })], [[], own.spans])
    expect(merged.segments.map((one) => [one.start, one.end])).toEqual([
      [10.5, 12],
      [40, 42],
    ])
  })
})
