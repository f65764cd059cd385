import { describe, expect, it } from 'vitest'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import type { HeardSegment, Span } from '../../src/audio/shapes.ts'
import { heardPart, said, span } from '../support/heard-part.ts'

function heard(segments: readonly HeardSegment[], spans: readonly Span[], speech: readonly Span[] | null = spans) {
  const part = heardPart({ spans, channel: 1, speaker: 'customer' }, { segments })
  return mergeTranscript([part], speech === null ? [] : [[], speech]).segments.map(({ start, end, text }) => [
    start,
    end,
    text,
  ])
}

describe('short words that a customer really says again and again', () => {
  const moments = [3, 11, 19, 26, 40]
  /** The customer's own track: the silence between the words was left out of what was sent. */
  const spans = moments.map((at) => span(at, at + 1))

  it('«Угу.» of a listener stays each time', () => {
    const segments = moments.map((_, index) => said(index, index + 0.8, 'Угу.'))
    expect(heard(segments, spans)).toEqual(moments.map((at) => [at, at + 0.8, 'Угу.']))
  })
  it('stay also where the recogniser measures them as one text that repeats itself', () => {
    const segments = moments.map((_, index) => said(index, index + 0.8, 'Угу.', { compressionRatio: 6 }))
    expect(heard(segments, spans)).toHaveLength(5)
  })
  it('«да, да» in one breath stays, as fast as people speak', () => {
    const quick = [0, 0.5, 1, 1.5].map((at) => said(at, at + 0.4, 'Да, да.'))
    expect(heard(quick, [span(10, 13)])).toEqual([10, 10.5, 11, 11.5].map((at) => [at, at + 0.4, 'Да, да.']))
  })
  it('stay where nobody can tell speech from silence, at the pace of speech', () => {
    const segments = [1, 9, 20, 31].map((at) => said(at, at + 0.7, 'Алло.'))
    expect(heard(segments, [span(0, 60)], null)).toHaveLength(4)
  })
})

describe('a loop', () => {
  it('of a short word, slower than anybody says it, over one sound, goes from the third on', () => {
    const segments = Array.from({ length: 12 }, (_, index) => said(index * 3, index * 3 + 3, 'Да.'))
    expect(heard(segments, [span(0, 60)])).toEqual([
      [0, 3, 'Да.'],
      [3, 6, 'Да.'],
    ])
    expect(heard(segments, [span(0, 60)], null)).toHaveLength(2)
  })
  it('of a short word where the energy says silence goes from the third on', () => {
    const segments = Array.from({ length: 5 }, (_, index) => said(10 + index, 10.5 + index, 'Угу.'))
    expect(heard(segments, [span(0, 60)], [span(40, 50)])).toHaveLength(2)
  })
  it('of a sentence goes from the third on, wherever it stands', () => {
    const segments = [1, 4, 7, 10].map((at) => said(at, at + 2, 'Вам удобно говорить сейчас?'))
    expect(heard(segments, [span(0, 20)])).toHaveLength(2)
  })
  it('inside one segment goes where the recogniser measures it', () => {
    expect(heard([said(0, 9, 'да да да да да да да да да да', { compressionRatio: 3 })], [span(0, 20)])).toEqual([])
  })
})
