import { join } from 'node:path'
import { type Alerts, createAlerts } from '../workers/alerts/alerts.ts'
import { type BackfillPage, backfillPage } from '../workers/backfill.ts'
import { pollBots } from '../workers/bots/poll-bots.ts'
import type { CallContext } from '../workers/call-context.ts'
import { dropEnded } from '../workers/drop-ended.ts'
import { saveEnvPortal } from '../workers/env-portal.ts'
import { applyEnvSchedules, checkEnvSchedules, dropEnvSchedules } from '../workers/env-schedules.ts'
import { registry as allWorkflows } from '../workers/index.ts'
import { judgeText } from '../workers/judge/judge-text.ts'
import { openRecording, readRecordingPart } from '../workers/open-recording.ts'
import { probeGates } from '../workers/probe-gates.ts'
import { type ReconcileReport, reconcilePortals } from '../workers/reconcile.ts'
import { sweepByAge } from '../workers/retention.ts'
import { loadRubrics, type Rubrics } from '../workers/rubrics/load-rubrics.ts'
import { releaseForsaken } from '../workers/spending.ts'
import { createUpstreams } from '../workers/upstreams.ts'
import { createWithContext } from '../workers/with-context.ts'
import { findFfmpeg } from './audio/ffmpeg.ts'
import { createRecordingCache, removeLeftovers } from './audio/temp.ts'
import type { Config } from './config.ts'
import { type Connection, type Database, openDatabase } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import type { PglitePool } from './db/pglite-pool.ts'
import type { Portal } from './db/portals.ts'
import { createVacuum } from './db/vacuum.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { createGates, type Gates } from './engine/gates.ts'
import { createQueues, type Queues } from './engine/queues.ts'
import type { Registry } from './engine/registry.ts'
import { requireSafeRedis } from './engine/require-safe-redis.ts'
import { startDue } from './engine/schedules.ts'
import { createSlots } from './engine/slots.ts'
import { acceptCalls } from './intake/accept-calls.ts'
import { type Batcher, createBatcher } from './intake/batcher.ts'
import { openTombstones, type Tombstones } from './intake/tombstones.ts'
import type { Log } from './log.ts'
import { createMeters, type Meters } from './meters.ts'
import { type BulkRunner, createBulkRunner } from './ops/bulk-runner.ts'
import { repeat } from './repeat.ts'
import { createSealer, findPreviousKey, readSecretKey, type Sealer } from './seal.ts'
import { programVersion } from './version.ts'
import type { Vibecode } from './vibecode/client.ts'
import type { ByteRange, FilePart } from './wire/byte-range.ts'

/** Everything a running program is made of, built once and handed down. */
export interface App {
  readonly config: Config
  readonly log: Log
  readonly version: string
  readonly connection: Connection
  readonly db: Database
  readonly queues: Queues
  readonly sealer: Sealer
  /** What was erased and must not come back. */
  readonly tombstones: Tombstones
  readonly registry: Registry<CallContext>
  readonly rubrics: Rubrics
  /** Judges one text by a rubric, outside of any run. */
  judge(portal: Portal, wanted: Parameters<typeof judgeText>[1]): ReturnType<typeof judgeText>
  readonly engine: Engine<CallContext>
  readonly gates: Gates
  /** What this process counts of its own work, for `/metrics`. */
  readonly meters: Meters
  /** Takes calls in, many to a transaction. */
  readonly intake: Batcher
  /** A client outside any step (doctor, reconcile, `portal check`); it passes the same gates and slots. */
  clientFor(portal: Portal): Vibecode
  /** One round of reconcile over the portals that are due (`force`: due or not). */
  reconcile(options?: { force?: boolean; portalId?: string }): Promise<ReconcileReport>
  readonly alerts: Alerts
  /** Works through retries of many calls. */
  readonly bulkRetries: BulkRunner
  /** Fetches a call's recording into a folder, as a step would; null where it has none. */
  openRecording(callId: string, folder: string, signal: AbortSignal): Promise<{ path: string; sha256: string } | null>
  /** Some bytes of it, without a copy; null where there is none. */
  readRecordingPart(callId: string, range: ByteRange, signal: AbortSignal): Promise<FilePart | null>
  /** One page of a portal's past calls: counted, or with `take` taken in. */
  backfill(portal: Portal, wanted: Parameters<typeof backfillPage>[2]): Promise<BackfillPage>
  /** Dispatching, sweeping, probing and reconciling begin; workers are `engine.work`'s. */
  start(): Promise<void>
  close(options?: { drainMs?: number }): Promise<void>
}

const recordingCacheBytes = 256 * 1024 * 1024

async function openQueues(config: Config, connection: Connection, log: Log): Promise<Queues> {
  const { redisUrl } = config.secrets
  if (redisUrl !== undefined) return await createQueues({ redisUrl, log })
  if (connection.kind === 'postgres') return await createQueues({ kind: 'postgres', pool: connection.pool, log })
  return await createQueues({ kind: 'pglite', pool: connection.pool as unknown as PglitePool, log })
}

/** Opens the record, brings its schema up, and builds the program on it. Nothing runs until `start`. What fails leaves nothing open. */
export async function openApp(config: Config, log: Log, registry: Registry<CallContext> = allWorkflows): Promise<App> {
  const { databaseUrl } = config.secrets
  checkEnvSchedules(config.schedules ?? [], registry)
  const rubrics = await loadRubrics(config.rubricsFolder)
  const connection = await openDatabase(databaseUrl === undefined ? { dataDir: config.dataDir } : { databaseUrl }, log)
  let queues: Queues | null = null
  try {
    await migrate(connection.db)
    queues = await openQueues(config, connection, log)
    return await buildApp(config, log, { registry, rubrics, connection, queues })
  } catch (error) {
    await queues?.close().catch(() => undefined)
    await connection.close().catch(() => undefined)
    throw error
  }
}

async function buildApp(
  config: Config,
  log: Log,
  parts: { registry: Registry<CallContext>; rubrics: Rubrics; connection: Connection; queues: Queues },
): Promise<App> {
  const { registry, rubrics, connection, queues } = parts
  const { db } = connection
  const { secretKey, previousSecretKey } = config.secrets
  const sealer = createSealer(
    await readSecretKey(secretKey, config.dataDir),
    await findPreviousKey(previousSecretKey, config.dataDir),
  )
  const tombstones = await openTombstones(db, sealer)
  const gates = createGates(connection, { perMinute: config.ratePerMinute, perSecond: config.ratePerSecond })
  const meters = createMeters()
  const slots = createSlots(connection.looseDb, wait)
  const tempRoot = join(config.dataDir, 'temp')
  await removeLeftovers(tempRoot)
  const recordings = createRecordingCache({ root: tempRoot, maxBytes: recordingCacheBytes })
  const ffmpeg = await findFfmpeg(config.ffmpeg.given, config.ffmpeg.searchPath)
  const upstreams = createUpstreams({
    config,
    db,
    looseDb: connection.looseDb,
    gates,
    slots,
    sealer,
    log,
    random: Math.random,
    onClosed: (forMs) => engine.kickIn(forMs),
    onRequest: meters.upstream,
  })
  const engine: Engine<CallContext> = createEngine<CallContext>({
    db,
    looseDb: connection.looseDb,
    freeSlots: slots.freeStrays,
    queues,
    registry,
    timings: config.timings,
    windows: { crm: 4, portal: 4, ai: config.aiConcurrency * 2, none: config.concurrency * 2 },
    log,
    version: programVersion,
    random: Math.random,
    onAttempt: meters.attempt,
    withContext: createWithContext({
      config,
      db,
      log,
      registry,
      rubrics,
      upstreams,
      recordings,
      ffmpeg,
      tempRoot,
      gates,
      kick: () => engine.kick(),
      onEntry: meters.entry,
    }),
  })
  const intake = createBatcher(async (calls) => {
    const accepted = await acceptCalls(db, registry, calls, tombstones)
    engine.kick()
    return accepted
  })
  const clientFor = (portal: Portal) =>
    upstreams.bind(portal, { claim: null, workerId: engine.workerId() ?? 'outside' }).vibecode
  const reconcile: App['reconcile'] = (options = {}) =>
    reconcilePortals({ db, config, log, clientFor, accept: intake.accept }, options)
  const alerts = createAlerts({ db, config, log, clientFor })
  const bulkRetries = createBulkRunner({ log, db, whole: () => app })
  const services: { stop(): Promise<void> }[] = []
  const app: App = {
    config,
    log,
    version: programVersion,
    connection,
    db,
    queues,
    sealer,
    tombstones,
    registry,
    rubrics,
    judge: (portal, wanted) => judgeText({ config, vibecode: clientFor(portal), portal }, wanted),
    engine,
    gates,
    meters,
    intake,
    clientFor,
    reconcile,
    alerts,
    bulkRetries,
    openRecording: (callId, folder, signal) =>
      openRecording({ config, db, upstreams, workerId: engine.workerId() ?? 'outside' }, callId, folder, signal),
    readRecordingPart: (callId, range, signal) =>
      readRecordingPart({ config, db, upstreams, workerId: engine.workerId() ?? 'outside' }, callId, range, signal),
    backfill: (portal, wanted) => backfillPage({ db, config, clientFor, accept: intake.accept }, portal, wanted),
    start: async () => {
      const { redisUrl } = config.secrets
      if (redisUrl !== undefined) await requireSafeRedis(redisUrl, { dev: config.dev, log })
      await saveEnvPortal(config, db, sealer)
      if (config.schedules !== undefined) await dropEnvSchedules(db, log, config.schedules)
      let unapplied = await applyEnvSchedules(db, registry, log, config.schedules ?? [])
      for (const { name, portal } of unapplied)
        log.warn({ schedule: name, portal }, 'a schedule of CALLSIFT_SCHEDULES waits until its portal is added')
      await engine.start()
      bulkRetries.start()
      const { gateProbeMs, reconcileMs } = config.timings
      services.push(
        repeat('probing closed gates', Math.min(gateProbeMs / 4, 15_000), log, async () => {
          await probeGates({ db, gates, upstreams, everyMs: gateProbeMs, log, kick: engine.kick })
        }),
        repeat('reconcile', Math.min(reconcileMs / 4, 30_000), log, async () => {
          await reconcile()
        }),
        repeat('schedules', config.timings.scheduleTickMs, log, async () => {
          if (unapplied.length > 0) unapplied = await applyEnvSchedules(db, registry, log, unapplied)
          if ((await startDue(db, registry, log)) > 0) engine.kick()
        }),
        repeat('chat bots', Math.min(config.timings.botPollMs / 2, 1_000), log, async () => {
          await pollBots({ db, config, log, registry, clientFor, kick: engine.kick })
        }),
        repeat('alerts', config.timings.alertEveryMs, log, async () => {
          await releaseForsaken({ db, gates, kick: engine.kick })
          await alerts.round()
        }),
      )
      services.push(
        repeat('keeping by age', config.timings.keepSweepMs, log, async () => {
          await sweepByAge({ db, keepDays: config.keepDays, onRemoved: meters.removed })
        }),
        repeat('letting go of recordings', config.timings.sweepMs * 5, log, async () => {
          await dropEnded(db, recordings)
        }),
      )
      if (connection.kind === 'pglite') services.push(repeat('vacuum', 60_000, log, createVacuum(connection)))
    },
    close: async ({ drainMs = config.drainMs } = {}) => {
      await intake.drain()
      await bulkRetries.stop()
      const stopped = Promise.all(services.map((service) => service.stop()))
      await engine.close(drainMs)
      // Cuts what is still asked outside of steps (a round of reconcile), so that its round ends now and not when the portal answers.
      await upstreams.close()
      await stopped
      await connection.close()
    },
  }
  return app
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
