import type { Route } from './world.ts'

export interface Match {
  readonly route: Route
  readonly params: Record<string, string>
}

/** Finds the route of a path. `:name` takes one segment, `*name` the rest; earlier routes win. */
export class Routing {
  readonly routes: readonly Route[]
  readonly #exact = new Map<string, Route>()
  readonly #patterns: { method: string; pattern: RegExp; names: string[]; route: Route }[] = []

  constructor(routes: readonly Route[]) {
    this.routes = routes
    for (const route of routes) {
      if (!/[:*]/.test(route.path)) {
        this.#exact.set(`${route.method} ${route.path}`, route)
        continue
      }
      const names: string[] = []
      const source = route.path.replace(/([:*])(\w+)/g, (_all, kind: string, name: string) => {
        names.push(name)
        return kind === ':' ? '([^/]+)' : '(.+)'
      })
      this.#patterns.push({ method: route.method, pattern: new RegExp(`^${source}$`), names, route })
    }
  }

  find(method: string, path: string): Match | undefined {
    const exact = this.#exact.get(`${method} ${path}`)
    if (exact) return { route: exact, params: {} }
    for (const { method: wanted, pattern, names, route } of this.#patterns) {
      if (wanted !== method) continue
      const found = pattern.exec(path)
      if (!found) continue
      const params: Record<string, string> = {}
      names.forEach((name, index) => {
        params[name] = decodeSegment(found[index + 1] ?? '')
      })
      return { route, params }
    }
    return undefined
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
