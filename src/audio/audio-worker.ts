import { parentPort } from 'node:worker_threads'
import { Permanent } from '../errors.ts'
import { type CutFile, type CutOrder, cutPart } from './cut.ts'
import { giveWay } from './give-way.ts'
import { type AudioPlan, type PlanOptions, planParts } from './plan.ts'
import { type Probe, probeAudio } from './probe.ts'
import type { ProbeLimits } from './probe-limits.ts'

/** A recording's measure without its levels, which only the planning needs. */
export type Measured = Omit<Probe, 'levels'>

/** What an audio thread can be asked to do. */
export interface Tasks {
  readonly probe: { readonly order: { readonly path: string }; readonly result: Probe }
  readonly plan: {
    readonly order: { readonly path: string; readonly options: PlanOptions }
    readonly result: { readonly measured: Measured; readonly plan: AudioPlan }
  }
  readonly cut: { readonly order: CutOrder; readonly result: CutFile }
}

export interface Task<Name extends keyof Tasks> {
  readonly name: Name
  readonly order: Tasks[Name]['order']
}

type AnyTask = { [Name in keyof Tasks]: Task<Name> }[keyof Tasks] & { readonly limits: ProbeLimits }

/** What the thread answers: errors as facts, as their classes don't survive the way between threads. */
export type Answer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false
      readonly failureClass: string | null
      /** Of the system, such as ENOSPC. */
      readonly code: string | undefined
      readonly message: string
      readonly hint: string | undefined
      readonly policy: 'fix' | 'manual'
    }

async function carryOut(task: AnyTask): Promise<unknown> {
  switch (task.name) {
    case 'probe':
      return await probeAudio(task.order.path, task.limits)
    case 'plan': {
      const { levels, ...measured } = await probeAudio(task.order.path, task.limits)
      return { measured, plan: planParts({ ...measured, levels }, task.order.options) }
    }
    case 'cut':
      return await cutPart(task.order)
  }
}

async function answer(task: AnyTask): Promise<Answer> {
  try {
    return { ok: true, result: await carryOut(task) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    return error instanceof Permanent
      ? { ok: false, failureClass: error.class, code, message, hint: error.hint, policy: error.policy }
      : { ok: false, failureClass: null, code, message, hint: undefined, policy: 'fix' }
  }
}

giveWay()

// The MP3 decoder complains of damaged frames on the console; they are counted, not told. Silenced here: a parent that reads
// a thread's output is kept alive by it.
process.stdout.write = () => true
process.stderr.write = () => true

// One file after another: starting a thread costs more than measuring a short call.
parentPort?.on('message', async (task: AnyTask) => {
  parentPort?.postMessage(await answer(task))
})
