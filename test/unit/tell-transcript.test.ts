import { describe, expect, it } from 'vitest'
import { transcriptAs } from '../../src/cli/transcript-formats.ts'
import { tellTranscript } from '../../workers/tell-transcript.ts'

const segments = [
  { speaker: 'agent' as const, start: 0.5, end: 2, text: 'Добрый день.' },
  { speaker: 'agent' as const, start: 2.2, end: 4, text: 'Компания Колос.' },
  { speaker: 'customer' as const, start: 4.25, end: 6, text: 'Здравствуйте <b>' },
]

describe('a transcript for the model', () => {
  it('has a line a turn, with who says it, in its language', () => {
    expect(tellTranscript({ segments, language: 'ru' })).toBe(
      'Менеджер: Добрый день. Компания Колос.\nКлиент: Здравствуйте <b>',
    )
    expect(tellTranscript({ segments: segments.slice(2), language: 'en' })).toBe('Customer: Здравствуйте <b>')
  })
  it('names nobody where it is not known who speaks', () => {
    expect(tellTranscript({ segments: [{ speaker: null, start: 0, end: 1, text: 'да' }], language: null })).toBe('да')
  })
  it('A10: says where the recording breaks off, in its language', () => {
    expect(tellTranscript({ segments: segments.slice(2), language: 'ru', truncated: true })).toBe(
      'Клиент: Здравствуйте <b>\n[здесь запись обрывается]',
    )
    expect(tellTranscript({ segments: segments.slice(2), language: 'en', truncated: true })).toMatch(
      /\n\[the recording breaks off here\]$/,
    )
  })
  it('loses its middle where it is too long, and says so', () => {
    const long = Array.from({ length: 9_000 }, (_, index) => `слово${index}`).join(' ')
    const told = tellTranscript({ segments: [{ speaker: null, start: 0, end: 1, text: long }], language: 'ru' })
    expect(told.length).toBeLessThan(48_100)
    expect(told).toMatch(/^слово0 /)
    expect(told).toMatch(/слово8999$/)
    expect(told).toMatch(/\[… \d+ words left out …\]/)
  })
})

describe('a transcript for people', () => {
  it('as text, SubRip and WebVTT', () => {
    expect(transcriptAs('text', { segments })).toContain('[00:00:04] Customer: Здравствуйте')
    expect(transcriptAs('srt', { segments })).toContain('1\n00:00:00,500 --> 00:00:02,000\nAgent: Добрый день.\n')
    const vtt = transcriptAs('vtt', { segments })
    expect(vtt).toMatch(/^WEBVTT\n\n/)
    expect(vtt).toContain('00:00:04.250 --> 00:00:06.000\n<v Customer>Здравствуйте &lt;b>')
    expect(JSON.parse(transcriptAs('json', { segments }))).toEqual({ segments })
  })
  it('shows what is long in pieces that can be read in time', () => {
    const text = Array.from({ length: 60 }, (_, index) => `w${index}`).join(' ')
    const srt = transcriptAs('srt', { segments: [{ speaker: null, start: 3_600, end: 3_630, text }] })
    expect(srt.match(/-->/g)).toHaveLength(5)
    expect(srt).toContain('01:00:24,000 --> 01:00:30,000')
    expect(srt.replace(/[\d:,>\n-]+ ?/g, '').length).toBeGreaterThan(0)
  })
})
