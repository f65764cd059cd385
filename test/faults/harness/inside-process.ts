// Loaded with --import into each process under test: tells what only a process itself can know, and does to it what only it can do to itself.
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  process.on('message', (message: { ask?: 'usage'; blockMs?: number }) => {
    // A loop that is blocked while its sockets and other threads live on, as by a calculation.
    if (message.blockMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.blockMs)
    if (message.ask !== 'usage') return
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({
      rssMb: rss / 2 ** 20,
      heapMb: heapUsed / 2 ** 20,
      loopP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 10),
      files: readdirSync('/proc/self/fd').length,
    })
    delay.reset()
  })
  // A harness that is gone leaves nothing behind; and being watched keeps no program from ending.
  process.on('disconnect', () => process.exit(70))
  process.channel?.unref()
}
