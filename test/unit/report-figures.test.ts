import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findWrongNumbers } from '../../workers/reports/check-prose.ts'
import type { Figures } from '../../workers/reports/report-input.ts'
import { layOutReport, summarise } from '../../workers/reports/report-words.ts'
import { sumFigures } from '../../workers/reports/sum-figures.ts'

const rows = {
  calls: [
    { userId: '1', quality: 'high', score: 90, typeId: 1, entityId: 10 },
    { userId: '1', quality: 'low', score: 11, typeId: 2, entityId: 20 },
    { userId: '2', quality: null, score: null, typeId: null, entityId: null },
  ],
  leads: [
    { id: 10, assignedById: 1, sourceId: 'WEB', statusId: 'CONVERTED' },
    { id: 11, assignedById: 1, sourceId: 'WEB', statusId: 'NEW' },
    { id: 12, assignedById: 2, sourceId: 'CALL', statusId: 'NEW' },
  ],
  deals: [
    { id: 20, assignedById: 1, sourceId: 'CALL', stageId: 'C1:WON', amount: 1_234_567.5 },
    { id: 21, assignedById: null, sourceId: '', stageId: 'NEW', amount: '300' },
    { id: 22, assignedById: 2, sourceId: 'WEB', stageId: 'X', stageSemanticId: 'S', amount: '12.25' },
  ],
} as const

function figures(): Figures {
  const { total, groups } = sumFigures('manager', rows)
  return {
    firstDay: '2026-11-16',
    lastDay: '2026-11-22',
    by: 'manager',
    total,
    groups: [...groups].map(([key, counted]) => ({ key, name: `Manager ${key}`, ...counted })),
  }
}

describe('figures', () => {
  test('by manager: each call, lead and deal counts once, in its group and in all', () => {
    const { total, groups } = sumFigures('manager', rows)
    expect(total).toEqual({
      calls: 3,
      high: 1,
      medium: 0,
      low: 1,
      averageScore: 51,
      leads: 3,
      converted: 1,
      conversion: 33.3,
      deals: 3,
      won: 2,
      wonAmount: 1_234_579.75,
    })
    expect(groups.get('1')).toMatchObject({
      calls: 2,
      high: 1,
      low: 1,
      leads: 2,
      conversion: 50,
      won: 1,
      wonAmount: 1_234_567.5,
    })
    expect(groups.get('2')).toMatchObject({
      calls: 1,
      averageScore: null,
      leads: 1,
      conversion: 0,
      won: 1,
      wonAmount: 12.25,
    })
    expect(groups.get('-')).toMatchObject({ calls: 0, deals: 1, won: 0 })
  })

  test('by source: a call counts where its lead or deal came from', () => {
    const { groups } = sumFigures('source', rows)
    expect(groups.get('WEB')).toMatchObject({ calls: 1, leads: 2, deals: 1 })
    expect(groups.get('CALL')).toMatchObject({ calls: 1, leads: 1, won: 1 })
    expect(groups.get('-')).toMatchObject({ calls: 1, deals: 1 })
  })
})

describe('prose', () => {
  const wrong = (prose: string) => findWrongNumbers(prose, figures(), ['[M-A]', '[M-B]'])

  test.each([
    'There were 3 calls, 1 of high interest; conversion is 33.3%.',
    'Конверсия 33,3 %, выиграно 2 на 1 234 579,75.',
    'Won 1,234,567.50 by [M-A], and 12.25 by [M-B].',
    'The average is 51 and 33.3 per cent converted, over 3 managers.',
    'Nothing to tell.',
  ])('%j is right', (prose) => {
    expect(wrong(prose)).toEqual([])
  })

  test.each([
    ['There were 4 calls.', '4 is none'],
    ['Conversion is 3%.', '3% is none'],
    ['33.3 calls', '33.3 is none'],
    ['Конверсия 34%', '34% is none'],
    ['Won 1234568', '1234568 is none'],
    ['On 16 November', '16 is none'],
    ['Twice as many as before', 'not "Twice"'],
    ['Пять звонков', 'not "Пять"'],
    ['Около двадцати', 'not "двадцати"'],
    ['ⅷ calls', 'not "ⅷ"'],
    ['½ of them', 'not "½"'],
    ['٧ calls', 'is none'],
    ['[M-C] leads', '[M-C] is nobody'],
    ['1e3 calls', 'stands by itself'],
    ['3K calls', 'stands by itself'],
  ])('%j is wrong', (prose, why) => {
    expect(wrong(prose).join('; ')).toContain(why)
  })

  test('any number that is no figure is found, wherever it stands', () => {
    const known = new Set([0, 1, 2, 3, 11, 12.25, 51, 90, 1_234_567.5, 1_234_579.75])
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 5_000_000 }),
        fc.constantFrom('calls', 'звонков', '.', ', and so on'),
        (value, after) => {
          fc.pre(!known.has(value))
          expect(wrong(`In all ${value} ${after}`)).not.toEqual([])
        },
      ),
      { numRuns: 300 },
    )
  })

  test('what the code writes passes its own check', () => {
    for (const language of ['ru', 'en'] as const) expect(wrong(summarise(figures(), language))).toEqual([])
  })

  test('a report names its period, its lines and its mark', () => {
    const text = layOutReport(figures(), 'Prose.', { language: 'en', ref: 'abcd1234', sandbox: true })
    expect(text.split('\n')).toEqual([
      'SANDBOX. Sales report 2026-11-16 – 2026-11-22, by manager',
      'Prose.',
      expect.stringContaining('Manager 1: calls 2'),
      expect.stringContaining('Manager 2: calls 1'),
      expect.stringContaining('Manager -'),
      'ref: abcd1234',
    ])
  })
})
