import type { Migration } from '../migrate.ts'

/** Which process a worker is, so that others beside it can see that it has ended (see process-life.ts). Null: told by its heartbeat alone. */
export const livesOfWorkers: Migration = {
  level: 15,
  oldestProgram: 1,
  statements: ['alter table callsift.workers add column realm text, add column born text'],
}
