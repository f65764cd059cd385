import { parentPort } from 'node:worker_threads'
import { isStepFailure } from '../errors.ts'
import { type Probe, type ProbeLimits, probeAudio } from './probe.ts'

/** What the thread answers: errors as facts, as their classes don't survive the way between threads. */
export type ProbeAnswer =
  | { readonly ok: true; readonly probe: Probe }
  | {
      readonly ok: false
      readonly failureClass: string | null
      readonly message: string
      readonly hint: string | undefined
    }

async function answer(job: { path: string; limits: ProbeLimits }): Promise<ProbeAnswer> {
  try {
    return { ok: true, probe: await probeAudio(job.path, job.limits) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return isStepFailure(error)
      ? { ok: false, failureClass: error.class, message, hint: error.hint }
      : { ok: false, failureClass: null, message, hint: undefined }
  }
}

// The MP3 decoder complains of damaged frames on the console; they are counted, not told. Silenced here: a parent that reads
// a thread's output is kept alive by it.
process.stdout.write = () => true
process.stderr.write = () => true

// One file after another: starting a thread costs more than measuring a short call.
parentPort?.on('message', async (job: { path: string; limits: ProbeLimits }) => {
  parentPort?.postMessage(await answer(job))
})
