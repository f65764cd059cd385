import { Permanent, Retry } from '../../src/errors.ts'
import { mostCalls, throwFailed } from '../../src/vibecode/batch.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import type { BatchCall } from '../../src/wire/batch.ts'
import type { Failure } from '../../src/wire/errors.ts'
import { camelKeys } from '../../src/wire/values.ts'

type Row = Readonly<Record<string, unknown>>

/** With an offset the API takes no larger page. */
const pageSize = 500
/** Of one kind; a report over more is a matter for an export. */
const mostRows = 200_000
/** Calls of a batch that fail for a passing reason are asked again, alone, so often. */
const mostRounds = 3

/** Runs any number of reads, fifty to a request. What fails for a passing reason is asked again; what does not ends it all: a sum without a page is wrong. */
async function runAll(vibecode: Vibecode, calls: readonly BatchCall[]) {
  const done = new Map<string, { data: unknown; total: number | null }>()
  let left = [...calls]
  for (let round = 1; left.length > 0; round += 1) {
    const failed: { call: BatchCall; failure: Failure }[] = []
    for (let at = 0; at < left.length; at += mostCalls) {
      const answer = await vibecode.batch(left.slice(at, at + mostCalls))
      for (const [id, result] of answer.results) done.set(id, result)
      for (const call of left.slice(at, at + mostCalls)) {
        const failure = answer.failed.get(call.id)
        if (failure !== undefined) failed.push({ call, failure })
      }
    }
    const fatal = failed.find(({ failure }) => failure.outcome === 'permanent')
    if (fatal !== undefined) throwFailed(fatal.failure)
    if (failed.length > 0 && round === mostRounds)
      throw new Retry('batch_incomplete', {
        message: `${failed.length} of ${calls.length} calls of a batch failed ${mostRounds} times: ${failed[0]?.failure.message ?? ''}`,
        hint: 'Nothing to do: it is tried again by itself. No figure is told before all pages are there.',
      })
    left = failed.map(({ call }) => call)
  }
  return done
}

/** All leads and deals of the period with the few fields that are counted; no name and no number of anybody is asked for. */
export async function readRows(
  vibecode: Vibecode,
  span: { from: Date; to: Date },
): Promise<{ leads: Row[]; deals: Row[] }> {
  try {
    return await readAll(vibecode, span, 'createdTime')
  } catch (error) {
    // The documents call the field by two names.
    if (!(error instanceof Permanent) || !/FILTER_FIELD|SORT_FIELD/i.test(error.code ?? '')) throw error
    return await readAll(vibecode, span, 'createdAt')
  }
}

const fields = {
  leads: ['id', 'assignedById', 'sourceId', 'statusId'],
  deals: ['id', 'assignedById', 'sourceId', 'stageId', 'stageSemanticId', 'amount', 'leadId'],
} as const
type Kind = keyof typeof fields
/** Pages that are asked for in one request where nobody says how many there are. */
const pagesAhead = 10

async function readAll(vibecode: Vibecode, span: { from: Date; to: Date }, created: string) {
  const call = (entity: Kind, offset: number): BatchCall => ({
    id: `${entity} ${offset}`,
    entity,
    action: 'search',
    params: {
      filter: { [`>=${created}`]: span.from.toISOString(), [`<${created}`]: span.to.toISOString() },
      select: fields[entity],
      // Windows of time would make an offset unstable, and a page twice.
      autoWindow: false,
      sort: 'id',
      limit: pageSize,
      offset,
    },
  })
  const first = await runAll(vibecode, [call('leads', 0), call('deals', 0)])
  const readKind = async (entity: Kind): Promise<Row[]> => {
    const seen = new Map<number, Row>()
    const take = (answer: { data: unknown } | undefined): number => {
      const rows = Array.isArray(answer?.data) ? (answer.data as unknown[]) : []
      // A row that a page shows twice, because one before it went meanwhile, is one row.
      for (const one of rows) {
        const row = camelKeys(one) as Row
        seen.set(Number(row['id']), row)
      }
      return rows.length
    }
    const total = first.get(`${entity} 0`)?.total ?? null
    if ((total ?? 0) > mostRows) throw tooLarge(entity, total ?? 0)
    // A batch may give shorter pages than it was asked for: its own length is what the next one begins after.
    const step = take(first.get(`${entity} 0`))
    for (let offset = step, last = step; step > 0 && (total === null ? last >= step : offset < total); ) {
      if (offset > mostRows) throw tooLarge(entity, offset)
      const pages = total === null ? pagesAhead : Math.ceil((total - offset) / step)
      const calls = Array.from({ length: pages }, (_, n) => call(entity, offset + n * step))
      const answers = await runAll(vibecode, calls)
      last = Math.min(...calls.map(({ id }) => take(answers.get(id))))
      offset += pages * step
    }
    if (total !== null && seen.size < total)
      throw new Retry('batch_incomplete', {
        message: `The portal says that there are ${total} ${entity}, and gave ${seen.size}.`,
        hint: 'Nothing to do: it is read again. No figure is told before all rows are there.',
      })
    return [...seen.values()]
  }
  return { leads: await readKind('leads'), deals: await readKind('deals') }
}

function tooLarge(entity: Kind, rows: number): Permanent {
  return new Permanent('report_too_large', {
    message: `The period has ${rows} ${entity} or more; a report counts ${mostRows} at most.`,
    hint: 'Ask for a shorter period.',
    policy: 'fix',
  })
}

/** What users of the portal are called; those that cannot be asked for keep their number. */
export async function readUserNames(vibecode: Vibecode, ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  const numbers = ids.filter((id) => /^\d{1,15}$/.test(id))
  for (let at = 0; at < numbers.length; at += mostCalls) {
    const calls = numbers
      .slice(at, at + mostCalls)
      .map((id) => ({ id, entity: 'users', action: 'get', entityId: Number(id) }) as const)
    // A user who is gone, or whom the key may not see, fails alone.
    const { results } = await vibecode.batch(calls)
    for (const [id, { data }] of results) {
      const { name, lastName } = camelKeys(data) as Row
      const full = [name, lastName].filter((part) => typeof part === 'string' && part !== '').join(' ')
      if (full !== '') names.set(id, full.slice(0, 80))
    }
  }
  return names
}
