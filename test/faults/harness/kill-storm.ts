import type { Program } from './program.ts'
import { pause, until } from './until.ts'

export interface Kill {
  readonly name: string
  /** Of the life that ended. */
  readonly pid: number
  /** ms since 1970. */
  readonly at: number
  /** Until `back` said yes, ms. */
  readonly backMs: number
}

/** kill -9 of one of the victims a random 1 to 3 s after the last (or as soon as it is back), started again at once as a supervisor does. */
export async function killStorm(options: {
  victims: readonly Program[]
  kills: number
  seed: number
  back: (victim: Program) => Promise<boolean>
}): Promise<Kill[]> {
  const kills: Kill[] = []
  let state = options.seed
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 4_294_967_296
  }
  let last = performance.now()
  while (kills.length < options.kills) {
    const due = last + 1_000 + next() * 2_000
    const victim = options.victims[Math.floor(next() * options.victims.length)]
    if (victim === undefined) throw new Error('there is nobody to kill')
    await pause(Math.max(0, due - performance.now()))
    const { pid } = victim
    const at = Date.now()
    last = performance.now()
    await victim.kill()
    victim.start()
    await until(
      () => options.back(victim),
      () => `${victim.name} to come back: ${victim.said()}`,
      30_000,
      25,
    )
    kills.push({ name: victim.name, pid, at, backMs: Date.now() - at })
  }
  return kills
}
