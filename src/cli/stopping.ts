/** Asked to stop: the first signal asks, the second ends everything at once. */
export interface Stopping {
  /** Resolves with the signal's name. */
  readonly asked: Promise<string>
  /** Lets go of the signals: the default (dying at once) holds again. */
  release(): void
}

/** Listens for SIGINT (Ctrl-C) and SIGTERM. After the first of them nobody listens any more, so that a second one ends the process. */
export function listenForStop(): Stopping {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const { promise, resolve } = Promise.withResolvers<string>()
  const heard = (signal: string) => {
    release()
    resolve(signal)
  }
  const release = () => {
    for (const signal of signals) process.off(signal, heard)
  }
  for (const signal of signals) process.on(signal, heard)
  return { asked: promise, release }
}
