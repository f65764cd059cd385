import type { Migration } from '../migrate.ts'

/** How one uploaded recording is to be heard, where that is not as its portal says. An older program goes on beside it, and hears as the portal says. */
export const hearing: Migration = {
  level: 6,
  oldestProgram: 1,
  statements: ['alter table callsift.uploads add column hearing jsonb'],
}
