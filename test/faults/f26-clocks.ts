import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { type RequestRecord, readRequests } from './harness/truth.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

const library = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path))
const clock = join(mkdtempSync(join(tmpdir(), 'callsift-clock-')), 'clock')

/** Wall clocks differ and jump; the monotonic clock does not. Waits are the database's. */
export const f26: Fault = {
  id: 'F26',
  injected:
    'one worker lives 5 min ahead, jumps to an hour behind in the middle of the run, then to an hour ahead; the other stays',
  expected: 'no request before a wait is over, waits end within 20 %, nothing waits for ever',
  naive: true,
  missing: () => (library === undefined ? 'libfaketime is not installed (Debian: faketime)' : null),
  bed: () => {
    writeFileSync(clock, '+5m\n')
    const env = {
      LD_PRELOAD: library ?? '',
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
    return { portals: 4, workerEnv: (worker) => (worker === 0 ? env : {}) }
  },
  async run(bed) {
    const { notes, broken, expect } = promises()
    await bed.control('POST', '/faults', {
      route: '.*',
      kind: 'status',
      status: 429,
      every: 12,
      retryAfter: 2,
      times: 40,
    })
    const load = await ring(bed, { count: 90, perSecond: 4 })
    await pause(7_000)
    writeFileSync(clock, '-1h\n')
    await pause(7_000)
    writeFileSync(clock, '+1h\n')
    await load.done
    const verdict = await judge(bed, [load])
    const requests = await readRequests(bed)
    const early = requests.filter((one) => one.earlyMs > 50 && one.sinceRefusalMs > 250).length
    const late = lateAfterWaits(requests).sort((a, b) => a - b)
    const p90 = late[Math.floor(late.length * 0.9)] ?? 0
    expect(early === 0, `${early} requests came before their wait was over`)
    expect(late.length > 10 && p90 <= 400, `${late.length} waits of 2 s ended at most ${Math.round(p90)} ms late (p90)`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}

/** Of each wait: how long after its end the next request of that key and family came, where one was waiting already. */
function lateAfterWaits(requests: readonly RequestRecord[]): number[] {
  return requests.flatMap((refused) => {
    if (refused.status !== 429) return []
    const over = refused.at + refused.ms + 2_000
    const next = requests.find(
      (one) => one.seq > refused.seq && one.key === refused.key && one.family === refused.family && one.at >= over - 60,
    )
    return next === undefined ? [] : [next.at - over]
  })
}
