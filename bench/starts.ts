import { once } from 'node:events'
import { nowhere } from './ingest.ts'
import { install, type Stores } from './installation.ts'
import { type Measured, startProgram } from './processes.ts'
import { note, type Row } from './report.ts'

/** LD11: from the command to the first answer or entry, and from SIGTERM to the exit of an idle process. */
export async function measureStarts(stores: Stores): Promise<Row[]> {
  const installed = await install({ stores, workers: 1, sandbox: nowhere })
  const [worker] = installed.workers
  try {
    // A worker tells of itself only by its row in the record; that it holds a queue's connection is enough to be idle.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const serve = await timeStop(installed.serve, 'serve')
    const work = worker === undefined ? null : await timeStop(worker, 'work')
    const embedded = await install({ stores: null, workers: 0, sandbox: nowhere })
    const embeddedStop = await timeStop(embedded.serve, 'embedded serve')
    await embedded.stop()
    return [
      atMost('LD11 start: serve answers', installed.startedMs, 1_000),
      atMost('LD11 start: embedded serve answers', embedded.startedMs, 3_000),
      atMost('LD11 SIGTERM to exit 0, serve', serve, 1_000),
      ...(work === null ? [] : [atMost('LD11 SIGTERM to exit 0, work', work, 1_000)]),
      atMost('LD11 SIGTERM to exit 0, embedded', embeddedStop, 1_000),
      atMost('LD11 demo: first entry after its command', await firstEntryMs(), 15_000),
    ]
  } finally {
    await installed.stop()
  }
}

function atMost(figure: string, ms: number, limit: number): Row {
  return {
    figure,
    value: ms,
    unit: 'ms',
    ceiling: null,
    promise: `≤ ${limit.toLocaleString('en-US')}`,
    met: ms <= limit,
  }
}

/** Infinite where it ended with anything but 0. */
async function timeStop(one: Measured, what: string): Promise<number> {
  const startedAt = performance.now()
  const gone = once(one.child, 'exit')
  one.child.kill('SIGTERM')
  const [code] = await gone
  const ms = performance.now() - startedAt
  note(`${what}: exit ${code} ${ms.toFixed(0)} ms after SIGTERM`)
  return code === 0 ? ms : Number.POSITIVE_INFINITY
}

async function firstEntryMs(): Promise<number> {
  const demo = startProgram(['demo', '--once'], {})
  const startedAt = performance.now()
  let said = ''
  const first = new Promise<number>((resolve) => {
    demo.child.stdout?.on('data', (piece: Buffer) => {
      said += piece.toString()
      if (/AI classification: /.test(said)) resolve(performance.now() - startedAt)
    })
    demo.child.once('exit', () => resolve(Number.POSITIVE_INFINITY))
  })
  const ms = await first
  await demo.stop()
  return ms
}
