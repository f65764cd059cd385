import { parseArgs } from 'node:util'
import { measureAudio } from './audio.ts'
import { measureBacklog } from './backlog.ts'
import { measureBursts } from './bursts.ts'
import { measureEmbeddedIngest, measureIngest } from './ingest.ts'
import { startStores } from './installation.ts'
import { measureLongCall } from './long-call.ts'
import { measurePacing } from './pacing.ts'
import { measureEmbeddedPipeline, measurePipeline } from './pipeline.ts'
import { note, printTable, type Row } from './report.ts'
import { measureRouter } from './router.ts'
import { measureSoak } from './soak.ts'
import { measureStarts } from './starts.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    minutes: { type: 'string' },
  },
})
const wanted = (name: string) => positionals.length === 0 || positionals.includes(name)
const rows: Row[] = []
// Sound needs no stores, and the router brings its own.
const alone = positionals.length > 0 && positionals.every((name) => name === 'audio' || name === 'router')
const stores = alone ? null : await startStores()
try {
  if (wanted('router')) rows.push(...(await measureRouter()))
  if (wanted('audio')) rows.push(...(await measureLongCall(65, values.full || positionals.length > 0 ? 2_000 : 200)))
  if (wanted('audio')) rows.push(...(await measureAudio(values.full || positionals.length > 0 ? 65 : 10)))
  if (stores !== null && wanted('ingest')) {
    const plan = values.full
      ? { rates: [200, 500, 1_000, 1_500, 2_000], stepSeconds: 8, sustainedSeconds: 60 }
      : { rates: [500, 1_000, 1_500], stepSeconds: 4, sustainedSeconds: 8 }
    rows.push(...(await measureIngest(stores, plan)))
  }
  if (stores !== null && wanted('bursts')) {
    const plan = values.full
      ? { rates: [1_000, 1_500, 2_000, 3_000, 4_000], stepSeconds: 8, repeats: { posts: 100_000, calls: 1_000 } }
      : { rates: [1_000, 2_000], stepSeconds: 3, repeats: { posts: 9_000, calls: 90 } }
    rows.push(...(await measureBursts(stores, plan)))
  }
  if (stores !== null && wanted('starts')) rows.push(...(await measureStarts(stores)))
  if (stores !== null && wanted('pacing')) rows.push(...(await measurePacing(stores, values.full ? 100 : 60)))
  if (stores !== null && wanted('pipeline')) {
    const plan = values.full
      ? { portals: 24, backlog: 2_000, gentle: { calls: 200, perSecond: 5 } }
      : { portals: 24, backlog: 400, gentle: { calls: 40, perSecond: 5 } }
    rows.push(...(await measurePipeline(stores, plan)))
    rows.push(
      ...(await measureEmbeddedPipeline({ ...plan, backlog: plan.backlog / 4, gentle: { calls: 20, perSecond: 2 } })),
    )
  }
  if (stores !== null && wanted('backlog')) rows.push(...(await measureBacklog(stores, 100_000, 6)))
  if (stores !== null && wanted('soak'))
    rows.push(...(await measureSoak(stores, values.minutes === undefined ? 20 : Number(values.minutes) * 60)))
  if (wanted('ingest')) rows.push(...(await measureEmbeddedIngest(values.full ? 60 : 8)))
} finally {
  await stores?.stop()
}
printTable(rows, values.json)
note('done')
process.exit(0)
