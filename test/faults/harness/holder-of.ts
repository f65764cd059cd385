import type { Bed } from './bed.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

/** The worker that has this step of this portal in hand and is past its gate. */
export async function holderOf(bed: Bed, step: string, portal: string, withinMs = 30_000): Promise<Program> {
  return await until(
    async () => {
      const held = await bed.record?.db
        .selectFrom('callsift.steps')
        .select('worker_id')
        .where('name', '=', step)
        .where('portal_id', '=', portal)
        .where('state', '=', 'running')
        .where('gate_passed', '=', true)
        .executeTakeFirst()
      const pid = Number(held?.worker_id?.split('-').at(-2))
      return bed.workers.find((one) => one.pid === pid && one.alive())
    },
    () => `${step} of ${portal} to be held by a worker`,
    withinMs,
    20,
  )
}
