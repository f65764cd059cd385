import { install, type Stores, startSandboxProcess } from './installation.ts'
import { runCalls } from './pipeline.ts'
import { note, type Row } from './report.ts'

/** Of one API key, as documented. */
const allowedPerSecond = 300 / 60

interface Seen {
  readonly at: number
  readonly status: number | null
}

/**
 * LD8: one key at the documented limits. Told of them, the program uses what is allowed and is never refused; not told of them, it
 * learns from 429s and still uses most of it.
 */
export async function measurePacing(stores: Stores, calls: number): Promise<Row[]> {
  const told = await run(stores, calls, { CALLSIFT_RATE_PER_MINUTE: '300', CALLSIFT_RATE_PER_SECOND: '10' })
  const learning = await run(stores, calls, { CALLSIFT_RATE_PER_MINUTE: '30000', CALLSIFT_RATE_PER_SECOND: '1000' })
  return [
    {
      figure: 'LD8 paced: share of the allowed rate',
      value: told.share * 100,
      unit: '%',
      ceiling: 100,
      promise: '≥ 80',
      met: told.share >= 0.8,
    },
    {
      figure: 'LD8 paced: refused by 429',
      value: told.refused,
      unit: '',
      ceiling: null,
      promise: '0',
      met: told.refused === 0,
    },
    {
      figure: 'LD8 learning from 429: share of the allowed rate',
      value: learning.share * 100,
      unit: '%',
      ceiling: 100,
      promise: '≥ 80',
      met: learning.share >= 0.8,
    },
    {
      figure: 'LD8 learning from 429: refused, of a hundred requests',
      value: (learning.refused * 100) / learning.requests,
      unit: '%',
      ceiling: null,
      promise: null,
      met: null,
    },
  ]
}

async function run(
  stores: Stores,
  calls: number,
  environment: Record<string, string>,
): Promise<{ share: number; refused: number; requests: number }> {
  const sandbox = await startSandboxProcess(1, 50, 0, 1)
  const installation = await install({ stores, workers: 1, sandbox, environment })
  try {
    await runCalls(installation, sandbox, calls, 0, 600_000)
    const seen = await sandbox.control<Seen[]>('GET', '/requests?after=0')
    const answered = seen.filter(({ status }) => status !== 429)
    const refused = seen.length - answered.length
    const seconds = ((answered.at(-1)?.at ?? 0) - (answered[0]?.at ?? 0)) / 1_000
    // What may come at once before the limit bites is a minute's allowance at most, so the share can lie above one in a short run.
    const share = answered.length / seconds / allowedPerSecond
    note(
      `pacing: ${answered.length} requests in ${seconds.toFixed(0)} s, ${refused} refused, ${(share * 100).toFixed(0)} % of the allowed rate`,
    )
    return { share, refused, requests: answered.length }
  } finally {
    await installation.stop()
    await sandbox.process.stop()
  }
}
