import { inAudioThread } from '../audio/audio-thread.ts'
import { DEFAULT_PROBE_LIMITS } from '../audio/probe-limits.ts'

/** How long it is in seconds, by counting; null for what cannot be read: the provider may know it. */
export async function measureRecording(path: string, signal: AbortSignal): Promise<number | null> {
  return await inAudioThread({ name: 'probe', order: { path } }, DEFAULT_PROBE_LIMITS, signal).then(
    (probe) => probe.durationSeconds,
    () => {
      signal.throwIfAborted()
      return null
    },
  )
}
