import type { Migration } from '../migrate.ts'

/** What was erased must not come back. A new table only: an older program goes on beside it, but would take erased calls in again. */
export const tombstones: Migration = {
  level: 4,
  oldestProgram: 1,
  statements: [
    `create table callsift.tombstones (
      digest text primary key,
      erased_at timestamptz not null default now()
    )`,
  ],
}
