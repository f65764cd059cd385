import { describe, expect, it, test } from 'vitest'
import { transcriptionResponse } from '../../src/wire/transcription.ts'
import { capSpeech } from '../../workers/cap-speech.ts'

test('U19 what no voice says goes from a transcript: control characters, escapes, marks that turn writing round', () => {
  const text = 'да\u0000 нет\u001b[31m\u202eтак\u2066\r\nвот\u0085 \ud800!'
  const read = transcriptionResponse.parse({ text, segments: [{ start: 0, end: 1, text }] })
  expect(read.text).toBe('да нет [31m так вот \ufffd!')
  expect(read.segments?.[0]?.text).toBe(read.text)
  // Hidden characters are kept for whoever looks for hidden orders.
  expect(transcriptionResponse.parse({ text: 'п\u200bо' }).text).toBe('п\u200bо')
})

describe('U19 more than anybody can say in the time', () => {
  it('is cut off, and told', () => {
    const text = 'а'.repeat(5_000_000)
    const capped = capSpeech({ text }, 60)
    expect(capped).toEqual({ text: 'а'.repeat(60 * 40 + 2_000), capped: true })
    const segments = Array.from({ length: 1_000 }, (_, index) => ({
      start: index,
      end: index + 1,
      text: 'б'.repeat(100),
    }))
    const bySegments = capSpeech({ text, segments }, 60)
    expect(bySegments.segments).toHaveLength(44)
    expect(bySegments.capped).toBe(true)
  })
  it('what can be said stays as it is', () => {
    const heard = { text: 'да нет', segments: [{ start: 0, end: 1, text: 'да нет' }] }
    expect(capSpeech(heard, 1)).toEqual({ ...heard, capped: false })
  })
  it('is not cut through a character', () => {
    expect(capSpeech({ text: '😀'.repeat(2_000) }, 0.01).text.isWellFormed()).toBe(true)
  })
})
