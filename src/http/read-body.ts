import type { IncomingMessage } from 'node:http'
import { Problem } from './problem.ts'

export const tooLarge = (maxBytes: number) =>
  new Problem(413, 'too_large', `The body is longer than ${maxBytes} bytes.`, 'Send less; nothing was changed.')

/** Reads a body while it comes, up to `maxBytes`, within `timeoutMs` in all. Throws `Problem` 413 or 408. */
export async function readBody(
  request: IncomingMessage,
  limits: { maxBytes: number; timeoutMs: number },
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    const settle = (act: () => void) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone)
      act()
    }
    const onData = (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= limits.maxBytes) return void pieces.push(piece)
      request.pause()
      settle(() => reject(tooLarge(limits.maxBytes)))
    }
    const onEnd = () => settle(() => resolve(Buffer.concat(pieces).toString('utf8')))
    const onGone = () =>
      settle(() => reject(new Problem(400, 'cut_off', 'The body ended before its time.', 'Send it again.')))
    const timer = setTimeout(() => {
      request.pause()
      settle(() =>
        reject(new Problem(408, 'too_slow', `The body did not come within ${limits.timeoutMs} ms.`, 'Send it again.')),
      )
    }, limits.timeoutMs)
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone)
  })
}

/** Rejects with `late()` when `work` takes longer; the work itself goes on unheard. */
export async function within<Value>(work: Promise<Value>, ms: number, late: () => Error): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
