import { createServer } from 'node:http'
import { request } from 'undici'
import { createToken } from '../../src/db/tokens.ts'
import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { scaled } from './harness/scale.ts'
import { until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

/** Each process looks names up through the harness: `upstream.test` is this machine until told otherwise. */
export const f25: Fault = {
  id: 'F25',
  injected: 'names cannot be looked up for 60 s (scaled); names of recordings turn to private addresses',
  expected: 'calls wait and go on; a recording at a private address is refused, nothing there is asked',
  naive: true,
  bed: () => ({ upstreamName: 'upstream.test', env: { CALLSIFT_ALLOW_HOSTS: 'upstream.test' } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs } = await outage(bed, {
      perSecond: 4,
      lastMs: scaled(60),
      begin: () => bed.programs.forEach((one) => void one.names('fail')),
      end: () => bed.programs.forEach((one) => void one.names('work')),
    })
    const verdict = await judge(bed, [load], { withinMs: 180_000 })
    if (bed.record === null) return { verdict, recoveryMs, notes, broken }

    let hits = 0
    const canary = createServer((_request, response) => {
      hits += 1
      response.end('ID3')
    })
    await new Promise<void>((resolve) => canary.listen(8443, '127.0.0.1', resolve))
    try {
      const { token } = await createToken(bed.record.db, 'faults')
      const answer = await request(`${bed.origin}/api/v1/calls`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ portalId: bed.portals[0]?.name, recordingUrl: 'http://recordings.test:8443/call.mp3' }),
      })
      const said = await answer.body.text()
      const { db } = bed.record
      const parked = await until(
        () =>
          db.selectFrom('callsift.steps').select(['class', 'message']).where('state', '=', 'parked').executeTakeFirst(),
        `the recording to be refused (${answer.statusCode} ${said})`,
        30_000,
      )
      expect(parked.class === 'blocked_address', `a recording at a private address is parked as ${parked.class}`)
      expect(hits === 0, `${hits} connections came to that address`)
    } finally {
      await new Promise((resolve) => canary.close(resolve))
    }
    return { verdict, recoveryMs, notes, broken }
  },
}
