import type { Scheduler } from 'fast-check'

/** Simulated processes stand still at every await until the scheduler lets one of them take its next step. */
export interface Stage {
  /** Parks the caller until it is chosen. */
  hold(label: string): Promise<void>
  /** Never resolves: a process that ended goes on nowhere, and is not waited for. */
  vanish(): Promise<never>
  /** Starts a process; it counts as under way until it parks or ends. */
  enter(run: () => Promise<void>): void
  /** One process takes one step, to its next await. False when nobody waits. */
  step(): Promise<boolean>
  /** The first error that a process ended with. */
  failure(): unknown
}

export function createStage(scheduler: Scheduler): Stage {
  let underWay = 0
  let settled: (() => void) | null = null
  let failure: unknown = null
  const leave = () => {
    underWay -= 1
    if (underWay === 0) settled?.()
  }
  const atRest = async () => {
    if (underWay === 0) return
    await new Promise<void>((resolve) => {
      settled = resolve
    })
    settled = null
  }
  return {
    hold: async (label) => {
      const chosen = scheduler.schedule(Promise.resolve(), label)
      leave()
      await chosen.then(() => {
        underWay += 1
      })
    },
    vanish: () => {
      leave()
      return new Promise(() => undefined)
    },
    enter: (run) => {
      underWay += 1
      run().then(leave, (error: unknown) => {
        failure ??= error
        leave()
      })
    },
    step: async () => {
      await atRest()
      if (scheduler.count() === 0) return false
      await scheduler.waitOne()
      // The chosen one goes on in a microtask of its own.
      await new Promise((resolve) => setImmediate(resolve))
      await atRest()
      return true
    },
    failure: () => failure,
  }
}
