// Plans a recording and cuts all its parts, as plan and transcribe do, in one process that is measured; the main thread does nothing else.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

// As it ships: compiled.
const compiled = (name: string) => new URL(`../dist/src/audio/${name}.js`, import.meta.url).href
const { inAudioThread } = (await import(compiled('audio-thread'))) as typeof import('../src/audio/audio-thread.ts')
const { defaultPlanOptions } = (await import(compiled('plan'))) as typeof import('../src/audio/plan.ts')
const { DEFAULT_PROBE_LIMITS } = (await import(
  compiled('probe-limits')
)) as typeof import('../src/audio/probe-limits.ts')

const path = process.argv[2] ?? ''
const short = process.argv[3] ?? ''
const folder = await mkdtemp(join(tmpdir(), 'callsift-bench-audio-'))
const options = { ...defaultPlanOptions, agentChannel: 0 as const }
const limits = { ...DEFAULT_PROBE_LIMITS, maxCpuMs: 120_000 }
// Once over something short: what loading the decoders costs is a process's own matter, not a recording's.
await inAudioThread({ name: 'plan', order: { path: short, options } }, limits)
const loop = monitorEventLoopDelay({ resolution: 5 })
loop.enable()
const before = process.cpuUsage()
const startedAt = performance.now()
const { measured, plan } = await inAudioThread({ name: 'plan', order: { path, options } }, limits)
const planned = process.cpuUsage(before)
for (const part of plan.parts) {
  const target = join(folder, `part-${part.index}`)
  const { spans, channel } = part
  const order = { source: path, format: measured.format, encoding: plan.encoding, spans, channel, target }
  await inAudioThread({ name: 'cut', order }, limits)
}
const all = process.cpuUsage(before)
loop.disable()
await rm(folder, { recursive: true, force: true })
// Of this program alone: what getrusage(2) calls the most is inherited from whoever started it.
const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile('/proc/self/status', 'utf8'))
process.send?.({
  parts: plan.parts.length,
  planSeconds: planned.user / 1e6,
  seconds: all.user / 1e6,
  wallSeconds: (performance.now() - startedAt) / 1000,
  loopP99: Math.max(0, loop.percentile(99) / 1e6 - 5),
  maxRssMb: Number(peak?.[1]) / 1024,
})
process.exit(0)
