import type { JudgedCall } from '../../src/db/sales-figures.ts'
import type { Counted, Figures } from './report-input.ts'

type Row = Readonly<Record<string, unknown>>

interface Sum {
  calls: number
  high: number
  medium: number
  low: number
  scores: number
  judged: number
  leads: number
  converted: number
  deals: number
  won: number
  wonAmount: number
}

const nobody = '-'
const key = (value: unknown) =>
  value === null || value === undefined || value === '' || value === 0 ? nobody : String(value)
const isWon = (deal: Row) => deal['stageSemanticId'] === 'S' || /(?:^|:)WON$/i.test(String(deal['stageId'] ?? ''))

/** Counts a period, in whole and by manager or source. All of a report's numbers come from here. */
export function sumFigures(
  by: Figures['by'],
  rows: { calls: readonly JudgedCall[]; leads: readonly Row[]; deals: readonly Row[] },
): { total: Counted; groups: Map<string, Counted> } {
  const total = emptySum()
  const groups = new Map<string, Sum>()
  const add = (group: string, change: (sum: Sum) => void) => {
    const sum = groups.get(group) ?? emptySum()
    groups.set(group, sum)
    change(sum)
    change(total)
  }
  const field = by === 'manager' ? 'assignedById' : 'sourceId'
  const sources = new Map<string, string>()
  for (const lead of rows.leads) {
    sources.set(`1 ${String(lead['id'])}`, key(lead['sourceId']))
    add(key(lead[field]), (sum) => {
      sum.leads += 1
      if (lead['statusId'] === 'CONVERTED') sum.converted += 1
    })
  }
  for (const deal of rows.deals) {
    sources.set(`2 ${String(deal['id'])}`, key(deal['sourceId']))
    add(key(deal[field]), (sum) => {
      sum.deals += 1
      if (!isWon(deal)) return
      sum.won += 1
      sum.wonAmount += Number(deal['amount'] ?? 0) || 0
    })
  }
  for (const call of rows.calls)
    add(by === 'manager' ? key(call.userId) : (sources.get(`${call.typeId} ${call.entityId}`) ?? nobody), (sum) => {
      sum.calls += 1
      if (call.quality === null) return
      sum[call.quality] += 1
      sum.judged += 1
      sum.scores += call.score ?? 0
    })
  return { total: finish(total), groups: new Map([...groups].map(([name, sum]) => [name, finish(sum)])) }
}

function emptySum(): Sum {
  return {
    calls: 0,
    high: 0,
    medium: 0,
    low: 0,
    scores: 0,
    judged: 0,
    leads: 0,
    converted: 0,
    deals: 0,
    won: 0,
    wonAmount: 0,
  }
}

function finish({ scores, judged, ...sum }: Sum): Counted {
  return {
    ...sum,
    wonAmount: Math.round(sum.wonAmount * 100) / 100,
    averageScore: judged === 0 ? null : Math.round(scores / judged),
    conversion: sum.leads === 0 ? 0 : Math.round((sum.converted / sum.leads) * 1_000) / 10,
  }
}
