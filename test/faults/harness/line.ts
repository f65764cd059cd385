import { connect, createServer, type Socket } from 'node:net'

/** What a proxied line does to what passes; a change holds for the connections that stand, too. */
export interface Weather {
  /** Each piece arrives this much later, ms. */
  latencyMs: number
  /** Of 1: so many of the standing connections are reset each second. */
  resetRate: number
  /** Connections are taken, bytes are swallowed, nothing is answered, nothing is closed. */
  blackHole: boolean
  /** Nobody listens: connections are refused, those that stand are cut. */
  down: boolean
  /** From the server to the client, bytes a second; 0 = as fast as they come. */
  dripBytesPerSecond: number
}

export interface Line {
  readonly port: number
  readonly weather: Readonly<Weather>
  /** Changes the weather. A hole that ends, or a server that goes down, cuts the connections that stand. */
  set(changes: Partial<Weather>): void
  heal(): void
  /** Connections taken since the start. */
  connections(): number
  close(): Promise<void>
}

const fair: Weather = { latencyMs: 0, resetRate: 0, blackHole: false, down: false, dripBytesPerSecond: 0 }

/** A TCP proxy before one server on this machine: latency, resets, black holes, drips, refusals. `random` is 0 ≤ x < 1. */
export async function startLine(targetPort: number, random: () => number): Promise<Line> {
  let weather: Weather = { ...fair }
  let taken = 0
  const open = new Set<Socket>()
  const cutAll = () => {
    for (const socket of open) socket.resetAndDestroy()
  }

  /** Passes what comes in order, each piece in its weather. */
  const carry = (from: Socket, to: Socket, drips: boolean) => {
    let line = Promise.resolve()
    from.on('data', (piece: Buffer) => {
      if (weather.blackHole) return
      if (weather.latencyMs === 0 && weather.dripBytesPerSecond === 0) {
        line = line.then(() => void to.write(piece))
        return
      }
      const dueAt = performance.now() + weather.latencyMs
      line = line.then(async () => {
        await later(dueAt - performance.now())
        if (!drips || weather.dripBytesPerSecond === 0) return void to.write(piece)
        for (const byte of piece) {
          if (to.destroyed) return
          to.write(Buffer.of(byte))
          if (weather.dripBytesPerSecond > 0) await later(1_000 / weather.dripBytesPerSecond)
        }
      })
    })
    from.on('end', () => {
      if (!weather.blackHole) line.then(() => to.end())
    })
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    taken += 1
    if (weather.down) return void client.resetAndDestroy()
    const upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        if (!weather.blackHole) other.destroy()
      })
    }
    carry(client, upstream, false)
    carry(upstream, client, true)
  })
  const resetting = setInterval(() => {
    for (const socket of open) if (random() < weather.resetRate) socket.resetAndDestroy()
  }, 1_000)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const set = (changes: Partial<Weather>) => {
    const before = weather
    weather = { ...weather, ...changes }
    if (weather.down || (before.blackHole && !weather.blackHole)) cutAll()
  }
  return {
    port: address.port,
    get weather() {
      return weather
    },
    set,
    heal: () => set(fair),
    connections: () => taken,
    async close() {
      clearInterval(resetting)
      cutAll()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, ms)))
