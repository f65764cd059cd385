import { z } from 'zod'
import { listJudgedCalls, readPeriod } from '../../src/db/sales-figures.ts'
import { readRows, readUserNames } from '../reports/read-rows.ts'
import { Figures, ReportInput } from '../reports/report-input.ts'
import { nobodyName } from '../reports/report-words.ts'
import { sumFigures } from '../reports/sum-figures.ts'
import { step } from '../step.ts'

/** Calls from the record, leads and deals from the CRM by batches of reads, counted by code. */
export const gatherFigures = step({
  name: 'gatherFigures',
  queue: 'reports',
  family: 'crm',
  input: z.object({ run: ReportInput }),
  output: Figures,
  async run(context, { run }) {
    const { db, portal, vibecode } = context
    // Of the run's beginning, not of now: a report that waited for a gate tells of the period that it was asked for.
    const span = await readPeriod(db, {
      ...run,
      now: context.runCreatedAt,
      timeZone: portal.settings.timeZone ?? 'UTC',
    })
    const rows = await readRows(vibecode, span)
    const { total, groups } = sumFigures(run.by, { calls: await listJudgedCalls(db, portal.id, span), ...rows })
    const names = run.by === 'manager' ? await readUserNames(vibecode, [...groups.keys()]) : new Map<string, string>()
    const sorted = [...groups].sort(
      ([one, a], [other, b]) =>
        b.wonAmount - a.wonAmount || b.deals - a.deals || b.calls - a.calls || one.localeCompare(other),
    )
    return {
      firstDay: span.firstDay,
      lastDay: span.lastDay,
      by: run.by,
      total,
      groups: sorted.map(([key, counted]) => ({
        key,
        name: key === '-' ? nobodyName(run.by, run.language) : (names.get(key) ?? key),
        ...counted,
      })),
    }
  },
})
