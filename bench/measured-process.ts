// Loaded with --import into every process that is measured: it answers the bench's question over the IPC channel.
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

// Worker threads inherit the import; their time is in the process's own figures.
if (isMainThread && process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  process.on('message', (message) => {
    if (message !== 'usage') return
    const { user, system } = process.cpuUsage()
    const memory = process.memoryUsage()
    process.send?.({
      cpuMs: (user + system) / 1000,
      rssMb: memory.rss / 2 ** 20,
      heapMb: memory.heapUsed / 2 ** 20,
      // The sampling timer itself is due every 5 ms, and what it records includes that.
      loopP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 5),
      loopMaxMs: Math.max(0, delay.max / 1e6 - 5),
      files: openFiles(),
    })
    delay.reset()
  })
  // Being measured must not keep a program from ending.
  process.channel?.unref()
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Number.NaN
  }
}
