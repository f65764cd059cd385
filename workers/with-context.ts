import { type RecordingCache, withTempDir } from '../src/audio/temp.ts'
import type { Config } from '../src/config.ts'
import { findPause } from '../src/db/batches.ts'
import type { Database } from '../src/db/connect.ts'
import { findPortal } from '../src/db/portals.ts'
import { writeOnce } from '../src/engine/effects.ts'
import type { Attempt } from '../src/engine/engine.ts'
import type { Gates } from '../src/engine/gates.ts'
import { holdsLease } from '../src/engine/lease.ts'
import type { Registry } from '../src/engine/registry.ts'
import { rerunFrom } from '../src/engine/rerun.ts'
import { Blocked, Later, Permanent } from '../src/errors.ts'
import { isDiskFull } from '../src/is-disk-full.ts'
import type { Log } from '../src/log.ts'
import { abortWhenGone } from './abort-when-gone.ts'
import type { CallContext } from './call-context.ts'
import type { Rubrics } from './rubrics/load-rubrics.ts'
import { createSpend } from './spending.ts'
import type { Upstreams } from './upstreams.ts'

/** Makes the context of one attempt: the portal as it is set up now, its client behind the attempt's guard, a folder of its own. */
export function createWithContext(deps: {
  config: Config
  db: Database
  log: Log
  registry: Registry<CallContext>
  rubrics: Rubrics
  upstreams: Upstreams
  recordings: RecordingCache
  ffmpeg: string | null
  tempRoot: string
  onEntry: (how: string) => void
  gates: Gates
  kick: () => void
}) {
  return async <Value>(given: Attempt, use: (context: CallContext) => Promise<Value>): Promise<Value> => {
    const watch = abortWhenGone(deps.db, given.claim, given.signal, deps.config.timings.heartbeatMs)
    try {
      return await inContext({ ...given, signal: watch.signal }, use)
    } finally {
      watch.stop()
    }
  }

  async function inContext<Value>(attempt: Attempt, use: (context: CallContext) => Promise<Value>): Promise<Value> {
    const { config, db, recordings } = deps
    const portal = await findPortal(db, attempt.portalId)
    if (portal === null) {
      throw new Permanent('portal_removed', {
        message: `Portal ${attempt.portalId} is not set up any more.`,
        hint: 'Add it again (callsift portal add), then retry.',
        policy: 'fix',
      })
    }
    if (attempt.workflow !== 'call') {
      const gate = await findPause(db, portal.keyId, attempt.runId)
      if (gate !== null) throw new Blocked(gate, 'paused', { message: 'The batch that this run belongs to is paused.' })
    }
    const log = deps.log.child({ runId: attempt.runId, step: attempt.stepName, portal: portal.id })
    const { vibecode, guard } = deps.upstreams.bind(portal, {
      claim: attempt.claim,
      workerId: attempt.workerId,
      signal: attempt.signal,
      noteRequest: attempt.noteRequest,
    })
    return await withTempDir(deps.tempRoot, (tempDir) =>
      onFullDisk(
        use({
          ...attempt,
          config,
          log,
          rubrics: deps.rubrics,
          db,
          portal,
          vibecode,
          recordings,
          ffmpeg: deps.ffmpeg,
          tempDir,
          withBytesSlot: guard.withBytesSlot,
          beginWork: async () => {
            const { workerTtlMs, permitMs } = config.timings
            if (await holdsLease(db, attempt.claim, { workerTtlMs, marginMs: permitMs })) return
            throw new Later(1_000, 'lease_lost', { message: 'Another worker has taken this step over.' })
          },
          restartFrom: async (stepName, why) => {
            const { generation } = await rerunFrom(db, deps.registry, attempt.runId, stepName)
            log.info({ generation, from: stepName, why }, 'began a new generation')
            throw new Later(0, 'restarted', { message: `Began anew from ${stepName}: ${why}.` })
          },
          spend: createSpend({ ...deps, portal, stepId: attempt.stepId, stepName: attempt.stepName, log }),
          writeOnce: async (write) => {
            const send = async (notAfter: number) => {
              guard.limit(notAfter)
              try {
                return await write.send(notAfter)
              } finally {
                guard.limit(null)
              }
            }
            const written = await writeOnce(db, attempt.claim, { ...write, send }, config.timings)
            if (write.kind === 'timeline') deps.onEntry(written.how)
            return written
          },
        }),
      ),
    )
  }

  /** Files are written in many places, and a full disk means the same in all of them. */
  async function onFullDisk<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work
    } catch (error) {
      if (!isDiskFull(error)) throw error
      throw new Later(deps.config.timings.diskFullMs, 'disk_full', {
        message: `The disk that holds temporary recordings (${deps.tempRoot}) is full.`,
        hint: 'Make room on it: a recording takes up to 200 MB, what ffmpeg makes of one up to 600 MB. Everything that waited goes on by itself.',
        cause: error,
      })
    }
  }
}
