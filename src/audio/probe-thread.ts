import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Permanent } from '../errors.ts'
import { DEFAULT_PROBE_LIMITS, type Probe, type ProbeLimits } from './probe.ts'
import type { ProbeAnswer } from './probe-worker.ts'

const MAX_HEAP_MB = 256
/** More threads than cores would only make each other late, and http with them. */
const MAX_THREADS = Math.max(1, availableParallelism() - 1)

/** A damaged container can send a demuxer into a loop that never looks at a clock, so the thread is watched from outside. */
const WATCH_EVERY_MS = 250
/** A busy thread's time includes waiting for a core, so it gets more than the CPU limit, which the probe itself keeps. */
const BUSY_FACTOR = 2
const BUSY_GRACE_MS = 2000

let running = 0
const waiting: (() => void)[] = []

/**
 * `probeAudio` of a file in a thread of its own, so that http stays quick meanwhile; no more at once than cores but
 * one. Throws what `probeAudio` throws; on abort the thread is ended and the signal's reason thrown.
 */
export async function probeInThread(
  path: string,
  limits: ProbeLimits = DEFAULT_PROBE_LIMITS,
  signal?: AbortSignal,
): Promise<Probe> {
  if (running >= MAX_THREADS) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    signal?.throwIfAborted()
    return readAnswer(await runThread(path, limits, signal))
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

function readAnswer(answer: ProbeAnswer): Probe {
  if (answer.ok) return answer.probe
  if (answer.failureClass === null) throw new Error(answer.message)
  throw new Permanent(answer.failureClass, { message: answer.message, hint: answer.hint })
}

function runThread(path: string, limits: ProbeLimits, signal: AbortSignal | undefined): Promise<ProbeAnswer> {
  const file = import.meta.url.endsWith('.ts') ? './probe-worker.ts' : './probe-worker.js'
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: { path, limits },
    // The MP3 decoder complains of damaged frames on the console; they are counted, not told.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  })
  worker.stdout.resume()
  worker.stderr.resume()
  let watchdog: NodeJS.Timeout | undefined
  let abort: (() => void) | undefined
  return new Promise<ProbeAnswer>((resolve, reject) => {
    abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    watchdog = setInterval(() => {
      const busyMs = worker.performance.eventLoopUtilization().active
      if (busyMs > limits.maxCpuMs * BUSY_FACTOR + BUSY_GRACE_MS)
        reject(tooExpensive(`kept a thread busy for ${Math.round(busyMs / 1000)} s`))
    }, WATCH_EVERY_MS)
    worker.once('message', resolve)
    worker.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooExpensive(`took more than ${MAX_HEAP_MB} MB`, error) : error,
      ),
    )
    worker.once('exit', (code) =>
      reject(new Error(`The thread that measures recordings ended with code ${code} and no answer.`)),
    )
    if (signal?.aborted) abort()
  }).finally(() => {
    clearInterval(watchdog)
    if (abort) signal?.removeEventListener('abort', abort)
    void worker.terminate()
  })
}

function tooExpensive(what: string, cause?: unknown): Permanent {
  return new Permanent('too_expensive', {
    message: `Measuring the recording ${what}.`,
    hint: 'Convert it to MP3 or WAV at 8 to 16 kHz and attach it again.',
    cause,
  })
}
