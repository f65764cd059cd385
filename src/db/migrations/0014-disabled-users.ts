import type { Migration } from '../migrate.ts'

/** People who may not come in for now. An older program goes on beside it, but lets them in. */
export const disabledUsers: Migration = {
  level: 14,
  oldestProgram: 1,
  statements: [`alter table callsift.users add column disabled_at timestamptz`],
}
