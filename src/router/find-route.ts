import { type Route, routes } from './routes.ts'

export type Found =
  | { readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly allowed: readonly string[] }

/** The route for a path as it was sent, still encoded; else the methods that its path knows (none: there is no such path). */
export function findRoute(method: string, path: string): Found {
  const allowed: string[] = []
  for (const route of routes) {
    const params = match(route.path, path)
    if (params === null) continue
    if (route.method === method) return { route, params }
    allowed.push(route.method)
  }
  return { allowed }
}

function match(pattern: string, path: string): Record<string, string> | null {
  if (!pattern.includes(':') && !pattern.includes('*')) return pattern === path ? {} : null
  const wanted = pattern.split('/')
  const parts = path.split('/')
  const open = wanted.at(-1) === '*'
  if (open ? parts.length < wanted.length : parts.length !== wanted.length) return null
  const params: Record<string, string> = {}
  for (const [at, name] of wanted.entries()) {
    const part = parts[at] ?? ''
    if (open && at === wanted.length - 1) params['rest'] = parts.slice(at).join('/')
    else if (name.startsWith(':')) params[name.slice(1)] = part
    else if (name !== part) return null
  }
  if (Object.values(params).includes('')) return null
  try {
    return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)]))
  } catch {
    return null
  }
}
