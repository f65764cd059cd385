import { note, type Row } from './report.ts'
import { type RouterLoad, type RouterLoadResult, startRouterLoad } from './router-load.ts'
import { uploadThree } from './router-uploads.ts'
import { type Contender, type Routers, startRouters } from './routers.ts'

const names = ['direct', 'ours', 'portkey'] as const
type Name = (typeof names)[number]
type Rounds = Readonly<Record<Name, readonly RouterLoadResult[]>>

const rounds = 5
const streams = 60

/** The AI Router beside Portkey's gateway (npm), over the same provider in the same minutes, turn by turn. */
export async function measureRouter(): Promise<Row[]> {
  note('starting the provider, the router and Portkey')
  const routers = await startRouters()
  const load = startRouterLoad()
  try {
    const turns = (
      kind: 'whole' | 'stream',
      connections: number,
      seconds: number,
      requests = Number.MAX_SAFE_INTEGER,
    ) => takeTurns(load, routers, { kind, connections, seconds, requests })
    // First, while both are as they start: what a load leaves behind in a heap is not what uploads take.
    const rows: Row[] = []
    for (const name of ['ours', 'portkey'] as const) {
      note(`three uploads: ${name}`)
      rows.push(...(await uploadRows(name, routers[name])))
    }
    note('warming up')
    await turns('whole', 4, 0.5)
    await turns('stream', 4, 30, streams)
    note('one connection')
    const one = await turns('whole', 1, 1)
    rows.push(...latencyRows(one))
    for (const connections of [16, 32]) {
      note(`${connections} connections`)
      rows.push(...throughputRows(connections, await turns('whole', connections, 2)))
    }
    note('streams')
    rows.push(...streamRows(await turns('stream', 4, 30, streams / rounds)))
    return rows
  } finally {
    await load.stop()
    await routers.stop()
  }
}

async function takeTurns(
  load: RouterLoad,
  routers: Routers,
  order: { kind: 'whole' | 'stream'; connections: number; seconds: number; requests: number },
): Promise<Rounds> {
  const found: Record<Name, RouterLoadResult[]> = { direct: [], ours: [], portkey: [] }
  for (let round = 0; round < rounds; round += 1) {
    // The order turns too: whoever comes first finds another machine than whoever comes last.
    for (let at = 0; at < names.length; at += 1) {
      const name = names[(at + round) % names.length] ?? 'direct'
      const { origin, headers, model } = routers[name]
      found[name].push(await load.run({ origin, headers, model, ...order }))
    }
  }
  return found
}

function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Over the rounds, what a router adds to what the provider itself took in the same round. */
const added = (all: Rounds, name: Name) =>
  median(all[name].map((result, round) => result.p50Ms - (all.direct[round]?.p50Ms ?? Number.NaN)))

const measured = (figure: string, value: number, unit: string, ceiling: number | null = null): Row => ({
  figure,
  value,
  unit,
  ceiling,
  promise: null,
  met: null,
})
const promised = (row: Row, promise: string, met: boolean): Row => ({ ...row, promise, met })

function latencyRows(all: Rounds): Row[] {
  const [ours, portkey] = [added(all, 'ours'), added(all, 'portkey')]
  return [
    measured('one connection: the provider alone, p50', median(all.direct.map((one) => one.p50Ms)), 'ms'),
    promised(measured('one connection: added p50 (ceiling: Portkey)', ours, 'ms', portkey), '<= 0.6 ms', ours <= 0.6),
  ]
}

function throughputRows(connections: number, all: Rounds): Row[] {
  const [direct, ours, portkey] = names.map((name) => median(all[name].map((one) => one.perSecond)))
  // Turn by turn, so that what else the machine does falls on both.
  const times = median(all.ours.map((one, round) => one.perSecond / (all.portkey[round]?.perSecond ?? Number.NaN)))
  const failed = all.ours.reduce((sum, one) => sum + one.answered - one.whole, 0)
  return [
    measured(
      `${connections} connections (ceiling: the provider alone)`,
      ours ?? Number.NaN,
      'requests/s',
      direct ?? null,
    ),
    measured(`${connections} connections: Portkey`, portkey ?? Number.NaN, 'requests/s', direct ?? null),
    promised(measured(`${connections} connections: times Portkey`, times, 'x'), '>= 4', times >= 4),
    promised(measured(`${connections} connections: answers that are not whole`, failed, ''), '0', failed === 0),
  ]
}

function streamRows(all: Rounds): Row[] {
  const whole = (name: Name) => all[name].reduce((sum, one) => sum + one.whole, 0)
  const first = added(all, 'ours')
  return [
    promised(measured('first token, 4 streams: added p50', first, 'ms'), '<= 2 ms', first <= 2),
    promised(measured('streams whole', whole('ours'), `of ${streams}`), `${streams}`, whole('ours') === streams),
    measured('streams whole: Portkey', whole('portkey'), `of ${streams}`),
    ...(whole('portkey') === 0
      ? []
      : [measured('first token, 4 streams: added p50, Portkey', added(all, 'portkey'), 'ms')]),
  ]
}

async function uploadRows(name: 'ours' | 'portkey', contender: Contender): Promise<Row[]> {
  const { origin, headers, speechModel, measured: process } = contender
  const { peakMb, seconds, answered } = await uploadThree({ origin, headers, model: speechModel }, process)
  const label = `three uploads of 120 MB at once, ${answered} of 3 answered: ${name === 'ours' ? '' : 'Portkey, '}`
  const memory = measured(`${label}memory`, peakMb, 'MB')
  return [
    name === 'ours' ? promised(memory, '< 150 MB', peakMb < 150 && answered === 3) : memory,
    measured(`${label}time`, seconds, 's'),
  ]
}
