import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dovetail } from '../../src/audio/merge/dovetail.ts'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import type { HeardSegment, Span } from '../../src/audio/shapes.ts'
import { heardPart, said, span } from '../support/heard-part.ts'

/** Two parts of one track that both hold 60 to 70 s. Times of the left are the recording's, of the right count from 60 s. */
function seam(
  left: readonly HeardSegment[] | string,
  right: readonly HeardSegment[] | string,
  spans: { left?: readonly Span[]; right?: readonly Span[] } = {},
) {
  const came = (what: readonly HeardSegment[] | string) =>
    typeof what === 'string' ? { text: what } : { segments: what }
  const first = heardPart({ spans: spans.left ?? [span(0, 70)] }, came(left))
  const second = heardPart(
    { index: 1, seam: 'hard', overlapSeconds: 10, spans: spans.right ?? [span(60, 120)] },
    came(right),
  )
  const { segments, openSeams } = mergeTranscript([first, second], [[span(0, 120)]])
  return { openSeams, segments: segments.map(({ start, end, text }) => [start, end, text]) }
}
const textOf = ({ segments }: ReturnType<typeof seam>) => segments.map(([, , text]) => text).join(' ')

describe('a hard seam with times', () => {
  it('is a moment at which neither part has a segment under way, and what both heard stands once', () => {
    expect(
      seam(
        [said(50, 58, 'бюджет согласован'), said(61, 64, 'нам нужно'), said(65, 69, 'тридцать мест')],
        [said(1, 4, 'нам нужно'), said(5, 9, 'тридцать мест'), said(12, 15, 'к пятнице')],
      ),
    ).toEqual({
      openSeams: [],
      segments: [
        [50, 58, 'бюджет согласован'],
        [61, 64, 'нам нужно'],
        [65, 69, 'тридцать мест'],
        [72, 75, 'к пятнице'],
      ],
    })
  })
  it('keeps what only the left part heard', () => {
    expect(
      seam([said(50, 58, 'раз'), said(61, 62, 'два'), said(66, 67, 'Угу.')], [said(1, 2, 'два'), said(12, 15, 'три')]),
    ).toEqual({
      openSeams: [],
      segments: [
        [50, 58, 'раз'],
        [61, 62, 'два'],
        [66, 67, 'Угу.'],
        [72, 75, 'три'],
      ],
    })
  })
  it('keeps what only the right part heard', () => {
    expect(
      seam([said(50, 58, 'раз'), said(66, 67, 'два')], [said(2, 3, 'Угу.'), said(6, 7, 'два'), said(12, 15, 'три')]),
    ).toEqual({
      openSeams: [],
      segments: [
        [50, 58, 'раз'],
        [62, 63, 'Угу.'],
        [66, 67, 'два'],
        [72, 75, 'три'],
      ],
    })
  })
  it('keeps a word that was said twice twice, and one that was heard twice once', () => {
    const twice = seam([said(61, 62, 'Да.'), said(65, 66, 'Да.')], [said(1, 2, 'Да.'), said(5, 6, 'Да.')])
    expect(twice.segments).toEqual([
      [61, 62, 'Да.'],
      [65, 66, 'Да.'],
    ])
    // The two parts' clocks differ by more than the word is long.
    expect(textOf(seam([said(64, 64.8, 'Договор.')], [said(5, 5.7, 'договор'), said(20, 21, 'конец')]))).toBe(
      'Договор. конец',
    )
  })
  it('keeps both, and is told as open, where the two disagree about every word', () => {
    const open = seam([said(58, 69, 'куплю завтра с утра')], [said(1, 9, 'позвоните бухгалтеру прямо сейчас')])
    expect(open).toEqual({
      openSeams: [60],
      segments: [
        [58, 69, 'куплю завтра с утра'],
        [61, 69, 'позвоните бухгалтеру прямо сейчас'],
      ],
    })
  })
  it('with a segment over it is cut by its words', () => {
    expect(
      seam(
        [said(50, 70, 'нам нужно тридцать мест и договор')],
        [said(0, 20, 'тридцать мест и договор к этой пятнице')],
      ).segments.map(([, , text]) => text),
    ).toEqual(['нам нужно тридцать мест', 'и договор к этой пятнице'])
  })
  it('with a segment over it leaves alone one that began later and ended before', () => {
    expect(
      textOf(
        seam(
          [said(50, 70, 'нам нужно тридцать мест и договор'), said(59, 59.5, 'Угу.')],
          [said(0, 20, 'тридцать мест и договор к этой пятнице')],
        ),
      ),
    ).toBe('нам нужно тридцать мест Угу. и договор к этой пятнице')
  })
  it('reaches to where the left part ends, also where silence in it was left out', () => {
    // Six seconds of sound are ten of the recording: what is said at 69 s stands in both.
    const spans = { left: [span(0, 62), span(66, 70)], right: [span(60, 62), span(66, 120)] }
    const both = seam(
      [said(60, 61.5, 'нам нужно'), said(62.5, 64, 'тридцать'), said(65, 66, 'мест')],
      [said(0, 1.5, 'нам нужно'), said(2.5, 4, 'тридцать'), said(5, 6, 'мест'), said(7, 8, 'завтра')],
      spans,
    )
    expect(both).toEqual({
      openSeams: [],
      segments: [
        [60, 61.5, 'нам нужно'],
        [66.5, 68, 'тридцать'],
        [69, 70, 'мест'],
        [71, 72, 'завтра'],
      ],
    })
  })
})

it('no word is lost or doubled at a hard seam, wherever segments begin and however far the clocks of the parts differ', () => {
  const utterance = fc.record({ count: fc.integer({ min: 1, max: 6 }), pause: fc.integer({ min: 0, max: 15 }) })
  const call = fc.array(utterance, { minLength: 40, maxLength: 80 })
  fc.assert(
    fc.property(call, fc.integer({ min: -3, max: 3 }), (utterances, tenths) => {
      const words: { at: number; text: string; utterance: number }[] = []
      let at = 0
      for (const [index, { count, pause }] of utterances.entries()) {
        for (let n = 0; n < count; n++) words.push({ at: at + n * 4, text: `w${words.length}`, utterance: index })
        at += count * 4 + pause
      }
      const between = words.filter((word) => word.at >= 600 && word.at + 4 <= 700).length
      fc.pre(between >= 4)
      const hear = (from: number, to: number, shift: number) =>
        utterances.flatMap((_, index) => {
          const own = words.filter((word) => word.utterance === index && word.at >= from && word.at + 4 <= to)
          const [first, last] = [own[0], own.at(-1)]
          if (first === undefined || last === undefined) return []
          const [start, end] = [first.at - from + shift, last.at + 4 - from + shift]
          return [said(Math.max(0, start / 10), Math.max(0.1, end / 10), own.map((word) => word.text).join(' '))]
        })
      const joined = seam(hear(0, 700, 0), hear(600, 1_200, tenths))
      expect(textOf(joined)).toBe(
        words
          .filter((word) => word.at + 4 <= 1_200 && (word.at >= 600 || word.at + 4 <= 700))
          .map((word) => word.text)
          .join(' '),
      )
    }),
    { numRuns: 300 },
  )
})

describe('a hard seam of texts without times', () => {
  it('is found by the words that both hold, and by no more of them than fit into the overlap', () => {
    const left = Array.from({ length: 70 }, (_, index) => `w${index}`).join(' ')
    const right = Array.from({ length: 60 }, (_, index) => `w${index + 60}`).join(' ')
    const joined = seam(left, right)
    expect(textOf(joined)).toBe(Array.from({ length: 120 }, (_, index) => `w${index}`).join(' '))
    expect(joined.openSeams).toEqual([])
  })
  it('does not move where a phrase of the overlap was said before and is said again', () => {
    const again = 'да да хорошо'
    const left = `${again} ${Array.from({ length: 60 }, (_, index) => `w${index}`).join(' ')} ${again}`
    const right = `${again} ${Array.from({ length: 50 }, (_, index) => `v${index}`).join(' ')} ${again}`
    expect(textOf(seam(left, right))).toBe(`${left} ${right.slice(again.length + 1)}`)
  })
  it('is open, and loses nothing, where they share only a chance word', () => {
    const left = 'мы подумаем и вам перезвоним в понедельник да'
    const right = 'да нет совсем другое дело стоит теперь здесь'
    const open = seam(left, right)
    expect(textOf(open)).toBe(`${left} ${right}`)
    expect(open.openSeams).toEqual([60])
  })
  it('is aligned with the part before it alone, not with one that was heard earlier', () => {
    const parts = [
      heardPart({ spans: [span(0, 70)] }, { text: 'раз два три четыре' }),
      heardPart({ index: 1, seam: 'hard', overlapSeconds: 10, spans: [span(60, 130)] }, { text: '' }),
      heardPart({ index: 2, seam: 'hard', overlapSeconds: 10, spans: [span(120, 180)] }, { text: 'три четыре пять' }),
    ]
    const { segments } = mergeTranscript(parts, [[span(0, 180)]])
    expect(segments.map((one) => one.text).join(' ')).toBe('раз два три четыре три четыре пять')
  })
})

describe('the seam among words that both hold', () => {
  it('is where the fewest words that one of them alone heard are lost', () => {
    const join = (left: string, right: string) => {
      const [a, b] = [left.split(' '), right.split(' ')]
      const { leftWords, rightSkipped } = dovetail(a, b, 20)
      return [...a.slice(0, leftWords), ...b.slice(rightSkipped)].join(' ')
    }
    expect(join('x a b да c d', 'a b c d y')).toBe('x a b да c d y')
    expect(join('x a b c d', 'a b да c d y')).toBe('x a b да c d y')
  })
  it('is none where fewer than half of the stretch agree', () => {
    expect(
      dovetail(['и', 'раз', 'два', 'три', 'четыре', 'да'], ['и', 'пять', 'шесть', 'семь', 'восемь', 'да'], 9),
    ).toEqual({
      leftWords: 6,
      rightSkipped: 0,
      aligned: false,
    })
  })
})
