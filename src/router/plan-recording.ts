import { inAudioThread } from '../audio/audio-thread.ts'
import type { Measured } from '../audio/audio-worker.ts'
import { type AudioPlan, defaultPlanOptions } from '../audio/plan.ts'
import { DEFAULT_PROBE_LIMITS } from '../audio/probe-limits.ts'
import { Permanent } from '../errors.ts'
import type { CutSettings } from './settings.ts'

export interface RecordingPlan {
  readonly measured: Measured
  readonly plan: AudioPlan
}

/** No codec of speech has less: what is shorter than the limit even then need not be measured. */
const leastBytesPerSecond = 500

/**
 * The parts that a long recording is heard in; null where it goes whole: it is short, cutting is off, or nobody here can read it. Channels
 * stay mixed, as OpenAI's answers know no speakers.
 */
export async function planRecording(
  file: { readonly path: string; readonly bytes: number },
  cut: CutSettings | undefined,
  signal: AbortSignal,
): Promise<RecordingPlan | null> {
  if (cut === undefined) return null
  const options = {
    ...defaultPlanOptions,
    maxWholeSeconds: cut.wholeMinutes * 60,
    maxPartSeconds: cut.partMinutes * 60,
    maxPartBytes: cut.partMb * 1_000_000,
    stereo: 'mix' as const,
  }
  if (file.bytes <= options.maxPartBytes && file.bytes / leastBytesPerSecond < options.maxWholeSeconds) return null
  try {
    const order = { path: file.path, options }
    const planned = await inAudioThread({ name: 'plan', order }, DEFAULT_PROBE_LIMITS, signal)
    return planned.plan.parts.length > 1 ? planned : null
  } catch (error) {
    if (error instanceof Permanent) return null
    throw error
  }
}
