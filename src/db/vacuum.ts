import type { Connection } from './connect.ts'

/** Rows that are updated with each request; they bloat within minutes where nothing vacuums. */
const hot = ['callsift.gates', 'callsift.slots', 'callsift.workers', 'callsift.spend', 'callsift.alerts']
const warm = ['callsift.steps', 'callsift.runs', 'callsift.effects', 'bullmq.job']

/** PGlite has no autovacuum. Returns a function to be called once a minute; every fifteenth call sweeps the larger tables too. */
export function createVacuum(connection: Connection): () => Promise<void> {
  let calls = 0
  return async () => {
    calls += 1
    for (const table of calls % 15 === 0 ? [...hot, ...warm] : hot) await connection.pool.query(`vacuum ${table}`)
  }
}
