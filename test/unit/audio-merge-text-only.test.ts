import { expect, it } from 'vitest'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import { heardPart, span } from '../support/heard-part.ts'

it('a text without times stands where somebody speaks, not in the silence between', () => {
  const part = heardPart({ spans: [span(0, 100)] }, { text: 'один два три четыре пять шесть' })
  const { segments, timesEstimated } = mergeTranscript([part], [[span(10, 14), span(60, 66), span(98, 100)]])
  expect(segments).toEqual([
    { speaker: null, start: 10, end: 14, text: 'один два' },
    { speaker: null, start: 60, end: 66, text: 'три четыре пять' },
    { speaker: null, start: 98, end: 100, text: 'шесть' },
  ])
  expect(timesEstimated).toBe(true)
})
it('only what its part holds of the speech counts', () => {
  const part = heardPart({ spans: [span(50, 80)] }, { text: 'a b c d' })
  expect(mergeTranscript([part], [[span(0, 60), span(70, 200)]]).segments).toEqual([
    { speaker: null, start: 50, end: 60, text: 'a b' },
    { speaker: null, start: 70, end: 80, text: 'c d' },
  ])
})
it('both channels of a mixed recording are one stretch where they speak at once', () => {
  const part = heardPart({ spans: [span(0, 40)] }, { text: 'a b c d' })
  expect(mergeTranscript([part], [[span(0, 10), span(30, 40)], [span(5, 20)]]).segments).toEqual([
    { speaker: null, start: 0, end: 20, text: 'a b c' },
    { speaker: null, start: 30, end: 40, text: 'd' },
  ])
})
it('stands over all that was sent where nobody can tell, or where the energy heard nothing of it', () => {
  const part = heardPart({ spans: [span(0, 10), span(20, 30)] }, { text: 'a b c d' })
  const over = [
    { speaker: null, start: 0, end: 10, text: 'a b' },
    { speaker: null, start: 20, end: 30, text: 'c d' },
  ]
  expect(mergeTranscript([part], []).segments).toEqual(over)
  expect(mergeTranscript([part], [[]]).segments).toEqual(over)
})
