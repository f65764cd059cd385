import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { Permanent, Retry } from '../errors.ts'
import { isDiskFull } from '../is-disk-full.ts'

export interface SaveLimits {
  readonly maxBytes: number
  /** For the whole transfer. */
  readonly totalMs: number
  /** Fewer bytes than this times `windowMs` in a window, and the transfer is given up. */
  readonly minBytesPerSecond: number
  /** Default 30 s. */
  readonly windowMs?: number
  readonly signal?: AbortSignal
}

export interface Saved {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

export function tooLarge(maxBytes: number): Permanent {
  return new Permanent('too_large', {
    message: `The recording is larger than ${Math.round(maxBytes / 1_000_000)} MB.`,
    hint: 'Raise the limit on size, or have the telephony store MP3 instead of WAV.',
  })
}

/** A clock over one transfer: its `signal` aborts on the deadline, on a drip of bytes and on the caller's own signal. */
export class TransferWatch {
  readonly #abort = new AbortController()
  readonly #timers: NodeJS.Timeout[] = []
  #inWindow = 0

  constructor(limits: SaveLimits) {
    const windowMs = limits.windowMs ?? 30_000
    const stop = (failureClass: string, message: string) =>
      this.#abort.abort(
        new Retry(failureClass, { message, hint: 'The host of the recording is slow; it is tried again by itself.' }),
      )
    this.#timers.push(
      setTimeout(
        () => stop('recording_timeout', `The recording did not arrive within ${limits.totalMs} ms.`),
        limits.totalMs,
      ),
    )
    this.#timers.push(
      setInterval(() => {
        if (this.#inWindow < (limits.minBytesPerSecond * windowMs) / 1000) {
          stop('recording_too_slow', `The recording's host sent ${this.#inWindow} bytes in ${windowMs} ms.`)
        }
        this.#inWindow = 0
      }, windowMs),
    )
    const outer = limits.signal
    if (outer?.aborted) this.#abort.abort(outer.reason)
    else outer?.addEventListener('abort', this.#forward, { once: true })
    this.#outer = outer
  }

  readonly #outer: AbortSignal | undefined
  readonly #forward = (): void => this.#abort.abort(this.#outer?.reason)

  get signal(): AbortSignal {
    return this.#abort.signal
  }
  count(bytes: number): void {
    this.#inWindow += bytes
  }
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#outer?.removeEventListener('abort', this.#forward)
  }
}

/** Writes a download to `target` (only its owner may read it) within limits; on failure the file is removed. Failures of the stream itself are thrown as
 * `Retry` `recording_truncated`, a full disk as it comes. */
export async function saveStream(
  source: AsyncIterable<Uint8Array> & { destroy?: (error?: Error) => unknown },
  target: string,
  limits: SaveLimits,
): Promise<Saved> {
  const watch = new TransferWatch(limits)
  try {
    return await saveWatched(source, target, limits.maxBytes, watch)
  } finally {
    watch.end()
  }
}

/** `saveStream` under a watch that began with the request, so that waiting for the headers counts too. */
export async function saveWatched(
  source: AsyncIterable<Uint8Array> & { destroy?: (error?: Error) => unknown },
  target: string,
  maxBytes: number,
  watch: TransferWatch,
): Promise<Saved> {
  const hash = createHash('sha256')
  const file = await open(target, 'w', 0o600)
  const stop = (): void => void source.destroy?.(new Error('stopped'))
  watch.signal.addEventListener('abort', stop, { once: true })
  let bytes = 0
  try {
    watch.signal.throwIfAborted()
    for await (const chunk of source) {
      bytes += chunk.length
      watch.count(chunk.length)
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      hash.update(chunk)
      await file.writeFile(chunk)
    }
    watch.signal.throwIfAborted()
    await file.close()
    return { bytes, sha256: hash.digest('hex') }
  } catch (error) {
    await file.close().catch(() => {})
    await rm(target, { force: true })
    if (watch.signal.aborted) throw watch.signal.reason
    if (error instanceof Permanent || isDiskFull(error)) throw error
    throw new Retry('recording_truncated', {
      message: `The recording broke off after ${bytes} bytes.`,
      hint: 'The connection was cut; it is tried again by itself.',
      cause: error,
    })
  } finally {
    watch.signal.removeEventListener('abort', stop)
    source.destroy?.()
  }
}
