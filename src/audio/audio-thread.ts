import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Permanent } from '../errors.ts'
import { shipped } from '../shipped.ts'
import type { Answer, Task, Tasks } from './audio-worker.ts'
import { DEFAULT_PROBE_LIMITS, type ProbeLimits } from './probe-limits.ts'

const MAX_HEAP_MB = 256
/** More threads than cores would only make each other late, and http with them. */
const MAX_THREADS = Math.max(1, availableParallelism() - 1)

/** A damaged container can send a demuxer into a loop that never looks at a clock, so the thread is watched from outside. */
const WATCH_EVERY_MS = 250
/** More than the CPU limit, which the probe itself keeps: this is for what never looks at a clock. */
const BUSY_FACTOR = 2
const BUSY_GRACE_MS = 2000
/** Where Node cannot tell a thread's CPU time (before 24.6), its busy time stands for it, most of which may be waiting for a core. */
const WAITING_FACTOR = 5

interface Thread {
  readonly worker: Worker
  /** What it had spent when the file at hand was given to it, ms. */
  spentBefore: number
}

let running = 0
const waiting: (() => void)[] = []
const idle: Thread[] = []

/**
 * Work on sound in another thread, so that http stays quick meanwhile; no more at once than cores but one. A thread serves one task
 * after another; one that was aborted, overspent or died is ended. Throws what the task throws; on abort, the signal's reason.
 */
export async function inAudioThread<Name extends keyof Tasks>(
  task: Task<Name>,
  limits: ProbeLimits = DEFAULT_PROBE_LIMITS,
  signal?: AbortSignal,
): Promise<Tasks[Name]['result']> {
  if (running >= MAX_THREADS) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    signal?.throwIfAborted()
    return readAnswer(await askThread(task, limits, signal)) as Tasks[Name]['result']
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

function readAnswer(answer: Answer): unknown {
  if (answer.ok) return answer.result
  if (answer.failureClass === null) throw Object.assign(new Error(answer.message), { code: answer.code })
  throw new Permanent(answer.failureClass, { message: answer.message, hint: answer.hint, policy: answer.policy })
}

function startThread(): Thread {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(shipped(`src/audio/audio-worker.${ending}`), {
    // A small nursery: blocks of sound live for a moment, and a large one would fill with them before it is swept.
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 8 },
  })
  const thread = { worker, spentBefore: 0 }
  // One that dies while nobody waits for it is simply not asked again.
  worker.on('error', () => undefined)
  worker.once('exit', () => {
    const place = idle.indexOf(thread)
    if (place >= 0) idle.splice(place, 1)
  })
  return thread
}

async function askThread(
  task: Task<keyof Tasks>,
  limits: ProbeLimits,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const thread = idle.pop() ?? startThread()
  const { worker } = thread
  worker.ref()
  try {
    thread.spentBefore = await spentMs(worker)
    signal?.throwIfAborted()
    const answer = await listen(thread, limits, signal, () => worker.postMessage({ ...task, limits }))
    // An idle thread must not keep a program alive that has nothing else to do.
    worker.unref()
    idle.push(thread)
    return answer
  } catch (error) {
    void worker.terminate()
    throw error
  }
}

function listen(
  thread: Thread,
  limits: ProbeLimits,
  signal: AbortSignal | undefined,
  begin: () => void,
): Promise<Answer> {
  const { worker } = thread
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const abort = () => reject(signal?.reason)
  const fail = (error: NodeJS.ErrnoException) =>
    reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooExpensive(`took more than ${MAX_HEAP_MB} MB`, error) : error)
  const leave = (code: number) =>
    reject(new Error(`The thread that measures recordings ended with code ${code} and no answer.`))
  const watchdog = setInterval(() => {
    void spentMs(worker).then((now) => {
      const spent = now - thread.spentBefore
      if (spent > limits.maxCpuMs * BUSY_FACTOR + BUSY_GRACE_MS)
        reject(tooExpensive(`kept a thread busy for ${Math.round(spent / 1000)} s`))
    })
  }, WATCH_EVERY_MS)
  worker.once('message', resolve)
  worker.once('error', fail)
  worker.once('exit', leave)
  signal?.addEventListener('abort', abort, { once: true })
  begin()
  return promise.finally(() => {
    clearInterval(watchdog)
    signal?.removeEventListener('abort', abort)
    worker.off('message', resolve).off('error', fail).off('exit', leave)
  })
}

/** CPU time of the thread until now, ms. */
async function spentMs(worker: Worker): Promise<number> {
  if (typeof worker.cpuUsage !== 'function') return worker.performance.eventLoopUtilization().active / WAITING_FACTOR
  // A thread that is just starting, or has ended, cannot be asked.
  const usage = await worker.cpuUsage().catch(() => ({ user: 0, system: 0 }))
  return (usage.user + usage.system) / 1000
}

function tooExpensive(what: string, cause?: unknown): Permanent {
  return new Permanent('too_expensive', {
    message: `Measuring the recording ${what}.`,
    hint: 'Convert it to MP3 or WAV at 8 to 16 kHz and attach it again.',
    cause,
  })
}
