import { Client, type Dispatcher, Pool } from 'undici'
import { type ClientDurations, defaultDurations } from './durations.ts'

/** The sockets to one upstream, shared by all clients of a process. */
export interface Connections {
  readonly origin: string
  /** Kept-alive connections. */
  readonly pool: Dispatcher
  /** A connection for one request: one that idled may be dead without knowing, which leaves a write in doubt. */
  openFresh(): Dispatcher
  /** Cuts what is under way: its callers have been told to stop by then. */
  close(): Promise<void>
}

/** `baseUrl` is the API's address, e.g. `https://vibecode.bitrix24.tech/v1`; only its origin is connected to, and redirects lead nowhere. */
export function createConnections(options: {
  baseUrl: string
  maxConnections?: number
  durations?: ClientDurations
}): Connections {
  const { origin } = new URL(options.baseUrl)
  const durations = options.durations ?? defaultDurations
  const common = { connect: { timeout: durations.connectMs }, allowH2: false }
  const pool = new Pool(origin, { ...common, connections: options.maxConnections ?? 128, pipelining: 1 })
  return {
    origin,
    pool,
    openFresh: () => new Client(origin, { ...common, pipelining: 0 }),
    close: () => pool.destroy(),
  }
}
