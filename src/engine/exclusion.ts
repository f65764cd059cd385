/** Many may work side by side, or one alone: a step that has crashed a worker twice must not take others with it. */
export interface Exclusion {
  /** Resolves with the release when the work may begin. Waiting is first come, first served. */
  enter(alone: boolean): Promise<() => void>
}

export function createExclusion(): Exclusion {
  let sharing = 0
  let holdsAlone = false
  const waiting: { alone: boolean; start: () => void }[] = []
  const admit = () => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (holdsAlone || (next.alone && sharing > 0)) return
      waiting.shift()
      if (next.alone) holdsAlone = true
      else sharing += 1
      next.start()
    }
  }
  return {
    enter: (alone) =>
      new Promise((resolve) => {
        const release = () => {
          if (alone) holdsAlone = false
          else sharing -= 1
          admit()
        }
        waiting.push({ alone, start: () => resolve(release) })
        admit()
      }),
  }
}
