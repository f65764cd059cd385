// Loaded with --import into each process under test: tells what only a process itself can know, and does to it what only it can do to itself.
import dns from 'node:dns'
import { readdirSync, readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

let names: 'fail' | 'work' = 'work'
let since: readonly [ranMs: number, waitedMs: number] = [0, 0]

/** Asked for only where it is needed: a flag that changes makes V8 reject its code cache, which would be part of every start. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
}

/** How long the main thread has run, and has waited for a processor while it could have; ms. */
function readSchedule(): readonly [ranMs: number, waitedMs: number] {
  const [ran = 0, waited = 0] = readFileSync('/proc/self/schedstat', 'utf8').split(' ').map(Number)
  return [ran / 1e6, waited / 1e6]
}

if (isMainThread && process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  // A start is all imports and first compilations: the promise about the loop begins after it.
  setTimeout(() => {
    since = readSchedule()
    delay.reset()
  }, 3_000).unref()
  holdNames()
  process.on('message', (message: { ask?: 'usage' | 'kept'; blockMs?: number; names?: 'fail' | 'work' }) => {
    if (message.names !== undefined) names = message.names
    // A loop that is blocked while its sockets and other threads live on, as by a calculation.
    if (message.blockMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.blockMs)
    if (message.ask === undefined) return
    // What is left after a collection is what is kept; without one, garbage is most of a heap.
    if (message.ask === 'kept') collect()
    const { rss, heapUsed } = process.memoryUsage()
    const [ranMs, waitedMs] = readSchedule()
    process.send?.({
      ranMs: ranMs - since[0],
      waitedMs: waitedMs - since[1],
      rssMb: rss / 2 ** 20,
      heapMb: heapUsed / 2 ** 20,
      loopP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 10),
      files: readdirSync('/proc/self/fd').length,
    })
    since = [ranMs, waitedMs]
    delay.reset()
  })
  // A harness that is gone leaves nothing behind; and being watched keeps no program from ending.
  process.on('disconnect', () => process.exit(70))
  process.channel?.unref()
}

/** Names that end in `.test` are this machine's as long as names can be looked up at all; no other name is asked for. */
function holdNames(): void {
  const lookUp = dns.lookup
  const lookUpLater = dns.promises.lookup
  const failed = (host: string) => Object.assign(new Error(`getaddrinfo EAI_AGAIN ${host}`), { code: 'EAI_AGAIN' })
  const held = (host: string, options: unknown, done: unknown) => {
    const answer = typeof options === 'function' ? options : done
    if (!host.endsWith('.test')) return Reflect.apply(lookUp, dns, [host, options, done])
    const all = typeof options === 'object' && options !== null && 'all' in options && options.all === true
    setImmediate(() => {
      if (typeof answer !== 'function') return
      if (names === 'fail') answer(failed(host))
      else if (all) answer(null, [{ address: '127.0.0.1', family: 4 }])
      else answer(null, '127.0.0.1', 4)
    })
  }
  const heldLater = async (host: string, options: unknown) => {
    if (!host.endsWith('.test')) return await Reflect.apply(lookUpLater, dns.promises, [host, options])
    if (names === 'fail') throw failed(host)
    return [{ address: '127.0.0.1', family: 4 }]
  }
  Object.assign(dns, { lookup: held })
  Object.assign(dns.promises, { lookup: heldLater })
  syncBuiltinESMExports()
}
