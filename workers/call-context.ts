import type { RecordingCache } from '../src/audio/temp.ts'
import type { Config } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import type { Portal } from '../src/db/portals.ts'
import type { Write, Written } from '../src/engine/effects.ts'
import type { Attempt } from '../src/engine/engine.ts'
import type { Log } from '../src/log.ts'
import type { Vibecode } from '../src/vibecode/client.ts'
import type { Rubrics } from './rubrics/load-rubrics.ts'
import type { Spend } from './spending.ts'

/** What a step may touch of the world: nothing but this. */
export interface CallContext extends Attempt {
  readonly config: Config
  readonly log: Log
  readonly rubrics: Rubrics
  readonly db: Database
  readonly portal: Portal
  /** Behind this attempt's guard: gates, slots and the fence are checked for each request. */
  readonly vibecode: Vibecode
  readonly recordings: RecordingCache
  /** Where ffmpeg is on this machine; null where it is not. */
  readonly ffmpeg: string | null
  /** A folder of this attempt's own, removed when it ends. */
  tempDir(): Promise<string>
  /** Holds the portal's slot for bytes while `work` runs. */
  withBytesSlot<Value>(work: () => Promise<Value>): Promise<Value>
  /**
   * To be called before hard work that asks nothing of the upstream: from here on a crash of the worker counts against the step.
   * Throws `Later` when the step is another worker's by now.
   */
  beginWork(): Promise<void>
  /** Begins a new generation from the step: what this attempt stands on has changed. Never returns. */
  restartFrom(stepName: string, why: string): Promise<never>
  writeOnce(write: Write): Promise<Written>
  /** Every paid request goes through this: it holds the portal's caps. */
  readonly spend: Spend
}
