import type { CreatedCall } from '../sandbox/calls.ts'
import type { Recording } from '../sandbox/recordings.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'

/** An entry of the sandbox's timeline and the call that it is about. */
export interface DemoEntry {
  readonly recording: Recording
  readonly call: CreatedCall
  readonly title: string
  /** The reason, without the line that marks the entry as ours. */
  readonly reason: string
  readonly ref: string
  /** Seconds since the command began. */
  readonly seconds: number
}

export const delay = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    const stop = () => {
      clearTimeout(timer)
      resolve()
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })

/** Russian and English by turns, so that the first entries show both. */
function alternate(recordings: readonly Recording[]): Recording[] {
  const russian = recordings.filter((one) => one.language === 'ru')
  const english = recordings.filter((one) => one.language === 'en')
  return russian
    .flatMap((one, index) => [one, ...english.slice(index, index + 1)])
    .concat(english.slice(russian.length))
}

/** Lets every recording of the sandbox ring, a little apart; each ended call's event goes to the portal's webhook. */
export async function ringAll(
  sandbox: Sandbox,
  portal: string,
  gapMs: number,
  signal: AbortSignal,
  onRing: (call: CreatedCall, recording: Recording) => void,
): Promise<void> {
  for (const recording of alternate(await sandbox.world.sound.recordings())) {
    if (signal.aborted) return
    const call = await sandbox.addCall({ portal, recordingId: recording.id })
    onRing(call, recording)
    await delay(gapMs, signal)
  }
}

/**
 * Tells each entry as the portal takes it, until `isOver` or the signal says so.
 * The sandbox's list of what was applied is the truth here: an entry is shown because the portal has it, not because we say so.
 */
export async function watchEntries(options: {
  sandbox: Sandbox
  calls: ReadonlyMap<string, { call: CreatedCall; recording: Recording }>
  signal: AbortSignal
  sinceStart: () => number
  onEntry: (entry: DemoEntry) => void
  isOver: () => Promise<boolean>
}): Promise<void> {
  let seen = 0
  while (!options.signal.aborted) {
    const effects = options.sandbox.effects(seen)
    seen += effects.length
    for (const effect of effects) {
      if (effect.kind !== 'timeline-log') continue
      const about = options.calls.get(String(effect.detail['entityId']))
      if (about === undefined) continue
      const lines = String(effect.detail['text']).split('\n')
      const ref = lines.at(-1)?.startsWith('ref: ') === true ? (lines.pop() ?? '') : ''
      options.onEntry({
        ...about,
        title: String(effect.detail['title']),
        reason: lines.join('\n'),
        ref,
        seconds: options.sinceStart(),
      })
    }
    if (await options.isOver()) return
    await delay(100, options.signal)
  }
}
