import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { HeaderBag } from '../wire/waits.ts'

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | Buffer | Readable | null
  readonly signal: AbortSignal
  readonly headersTimeout: number
  readonly bodyTimeout: number
}

export interface Reply {
  readonly status: number
  readonly headers: HeaderBag
  readonly body: Readable
}

/** True from the moment the first byte may have left. */
export interface Departure {
  started: boolean
}

/**
 * Sends one request. `assertFresh` runs in the tick in which undici writes the request line: when it throws, undici
 * drops the request before writing, and the throw comes out of here. `departure.started` tells the caller which it was.
 */
export async function send(
  dispatcher: Dispatcher,
  request: OutgoingRequest,
  assertFresh: () => void,
  departure: Departure,
): Promise<Reply> {
  const guarded = dispatcher.compose((dispatch) => (options, handler) => {
    const checked: Dispatcher.DispatchHandler = {
      onRequestStart(controller, context) {
        // Given up while the connection was being made: the permit has been handed back and must not be asked.
        request.signal.throwIfAborted()
        assertFresh()
        departure.started = true
        handler.onRequestStart?.(controller, context)
      },
      onRequestUpgrade: (...facts) => handler.onRequestUpgrade?.(...facts),
      onResponseStart: (...facts) => handler.onResponseStart?.(...facts),
      onResponseData: (...facts) => handler.onResponseData?.(...facts),
      onResponseEnd: (...facts) => handler.onResponseEnd?.(...facts),
      onResponseError: (...facts) => handler.onResponseError?.(...facts),
    }
    return dispatch(options, checked)
  })
  const answered = guarded.request({ ...request })
  const given = await Promise.race([answered, givenUp(request.signal, answered)])
  // A body that is dropped half-way emits an error; who reads it still gets it, and nobody else must fall over it.
  given.body.on('error', () => undefined)
  return { status: given.statusCode, headers: given.headers, body: given.body }
}

/** undici looks at the signal only once a connection stands; a black hole must not hold a request past its deadline. */
async function givenUp(signal: AbortSignal, answered: Promise<unknown>): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(signal.reason)
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  const forget = () => signal.removeEventListener('abort', giveUp)
  answered.then(forget, forget)
  return promise
}
