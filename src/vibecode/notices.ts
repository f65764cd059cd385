import type { Log } from '../log.ts'
import { type HeaderBag, headerValues } from '../wire/waits.ts'

/** The upstream said that a route or a model will go away. */
export interface Notice {
  readonly kind: 'deprecated_route' | 'deprecated' | 'model_replaced'
  /** Method and path pattern, e.g. `POST /v1/chat/completions`. */
  readonly route: string
  /** The canonical path or the successor's name; otherwise the header's own value. */
  readonly detail: string
}

const dayMs = 86_400_000

/** Tells of `Deprecation`, `X-Deprecated-Use` and `X-Model-Replacement` once a day per route and kind; one object per key. */
export function createNotices(options: {
  log: Log
  now: () => number
  onNotice?: ((notice: Notice) => void) | undefined
}) {
  const toldAt = new Map<string, number>()

  function tell(notice: Notice): void {
    const key = `${notice.kind} ${notice.route}`
    const last = toldAt.get(key)
    const now = options.now()
    if (last !== undefined && now - last < dayMs) return
    toldAt.set(key, now)
    options.log.warn({ notice: notice.kind, route: notice.route, detail: notice.detail }, 'VibeCode announces a change')
    options.onNotice?.(notice)
  }

  return {
    read(route: string, headers: HeaderBag): void {
      const canonical = first(headers, 'x-deprecated-use')
      const deprecation = first(headers, 'deprecation')
      const replacement = first(headers, 'x-model-replacement')
      if (canonical !== undefined) tell({ kind: 'deprecated_route', route, detail: canonical })
      else if (deprecation !== undefined && deprecation.toLowerCase() !== 'false') {
        tell({ kind: 'deprecated', route, detail: deprecation })
      }
      if (replacement !== undefined) tell({ kind: 'model_replaced', route, detail: replacement })
    },
  }
}

export type Notices = ReturnType<typeof createNotices>

function first(headers: HeaderBag, name: string): string | undefined {
  const value = headerValues(headers, name)[0]?.trim().slice(0, 200)
  return value === undefined || value === '' ? undefined : value
}
