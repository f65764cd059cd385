import type { Migration } from '../migrate.ts'

/** For the pruning of deliveries that told of a known call: a sender that repeats itself must not fill the record. */
export const duplicates: Migration = {
  level: 5,
  oldestProgram: 1,
  statements: [`create index inbox_again on callsift.inbox (portal_id, id) where outcome = 'duplicate'`],
}
