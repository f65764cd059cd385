import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeToneCall } from '../support/tone-calls.ts'
import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { readEffects, readRequests } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

/** One worker with one place, so that it is known which part is sent when; parts by bytes (50 s of what it is encoded to) instead of by 25 minutes. */
export const f29: Fault = {
  id: 'F29',
  injected: 'a call in 5 parts, of which the third fails 4 times',
  expected: 'only the third is repeated, the others are billed once, the order is right',
  naive: 'it knows no parts',
  bed: () => ({
    portals: 1,
    workers: 1,
    env: { CALLSIFT_AI_CONCURRENCY: '1', CALLSIFT_MAX_PART_BYTES: '200000' },
    timings: { retryDelaysMs: [4_000, 4_000, 4_000, 4_000, 4_000] },
  }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { path } = await writeToneCall({ path: join(bed.dataDir, 'long.wav'), seconds: 130 })
    const upload = { base64: (await readFile(path)).toString('base64'), fileName: 'long.wav' }
    const spec = { upload, toneText: undefined, durationSeconds: 130 }
    const clean = await ring(bed, { count: 1, perSecond: 1, spec })
    await clean.done
    await judge(bed, [clean])
    const parts = (await readEffects(bed, 'transcription')).length
    // The third is repeated twice within its attempt; its second attempt comes after the others.
    const fail = { route: 'transcription', kind: 'before', status: 502 }
    await bed.control('POST', '/faults', { ...fail, skip: 2, times: 3 })
    await bed.control('POST', '/faults', { ...fail, skip: parts - 1, times: 1 })
    const before = (await readRequests(bed)).filter((one) => one.route === 'transcription').length
    const struck = await ring(bed, { count: 1, perSecond: 1, spec })
    await struck.done
    const verdict = await judge(bed, [clean, struck])
    const requests = (await readRequests(bed)).filter((one) => one.route === 'transcription').slice(before)
    const failed = requests.filter((one) => one.status === 502).length
    const bought = (await readEffects(bed, 'transcription')).length - parts
    const texts = await bed.record?.db
      .selectFrom('callsift.steps')
      .select(['output', 'run_id'])
      .where('name', '=', 'mergeTranscript')
      .orderBy('run_id')
      .execute()
    const [first, second] = (texts ?? []).map((row) => JSON.stringify(row.output))
    expect(parts >= 4, `${parts} parts`)
    expect(failed === 4, `${failed} requests failed`)
    expect(bought === parts, `${bought} transcriptions were bought for ${parts} parts`)
    expect(first !== undefined && first === second, 'the transcript is word for word that of the call without a fault')
    return { verdict, recoveryMs: null, notes, broken }
  },
}
