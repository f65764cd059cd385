import type { Bed } from './bed.ts'

/** The promise is 200; the naive pipeline shows what it shows in fewer. `FAULT_KILLS` is for a look, and its row says the number. */
export function killsOf(bed: Bed): number {
  const wanted = Number(process.env['FAULT_KILLS'] ?? '200')
  return bed.subject === 'callsift' ? wanted : Math.min(20, wanted)
}
