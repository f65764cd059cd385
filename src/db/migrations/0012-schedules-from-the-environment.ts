import type { Migration } from '../migrate.ts'

/** Schedules of the environment are known again at the next start by a digest of what they were; null = made by a person. */
export const schedulesFromTheEnvironment: Migration = {
  level: 12,
  oldestProgram: 1,
  statements: ['alter table callsift.schedules add column environment text'],
}
