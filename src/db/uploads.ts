import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Database, Queryable } from './connect.ts'

/** Bytes of one row: a large bytea costs PGlite many times its size in memory. */
const rowBytes = 256 * 1024

export interface StoredUpload {
  readonly id: string
  readonly sha256: string
  readonly bytes: number
}

/**
 * Stores a recording row by row while it is read, in the room that `reserveUpload` made, and hashes it. Until the last row its hash is
 * empty, so that a crash leaves something that can be known as incomplete. On an error of the source its room is free again and the
 * error goes on.
 */
export async function storeUpload(db: Database, id: string, source: AsyncIterable<Buffer>): Promise<StoredUpload> {
  try {
    const hash = createHash('sha256')
    let bytes = 0
    let n = 0
    let pending: Buffer[] = []
    let held = 0
    const flush = async (size: number) => {
      const joined = Buffer.concat(pending)
      pending = joined.length > size ? [joined.subarray(size)] : []
      held = joined.length - size
      await db
        .insertInto('callsift.upload_chunks')
        .values({ upload_id: id, n: n++, data: joined.subarray(0, size) })
        .execute()
    }
    for await (const piece of source) {
      hash.update(piece)
      bytes += piece.length
      pending.push(piece)
      held += piece.length
      while (held >= rowBytes) await flush(rowBytes)
    }
    if (held > 0) await flush(held)
    const sha256 = hash.digest('hex')
    await db
      .updateTable('callsift.uploads')
      .set({ sha256, bytes: String(bytes) })
      .where('id', '=', id)
      .execute()
    return { id, sha256, bytes }
  } catch (error) {
    await removeUpload(db, id).catch(() => undefined)
    throw error
  }
}

export async function findUpload(db: Queryable, id: string): Promise<(StoredUpload & { portalId: string }) | null> {
  const row = await db
    .selectFrom('callsift.uploads')
    .selectAll()
    .where('id', '=', id)
    .where('sha256', '<>', '')
    .executeTakeFirst()
  return row === undefined
    ? null
    : { id: row.id, sha256: row.sha256, bytes: Number(row.bytes), portalId: row.portal_id }
}

/** Says whose it is, once the whole form is known. */
export async function claimUpload(db: Queryable, id: string, portalId: string): Promise<void> {
  await db.updateTable('callsift.uploads').set({ portal_id: portalId }).where('id', '=', id).execute()
}

export async function removeUpload(db: Queryable, id: string): Promise<void> {
  await db.deleteFrom('callsift.uploads').where('id', '=', id).execute()
}

/** Uploads that a crash cut off (none takes an hour), and those that no call has named within a day. */
export async function pruneUploads(db: Queryable): Promise<number> {
  const pruned = await sql`delete from callsift.uploads u
    where u.created_at < now() - case u.sha256 when '' then interval '1 hour' else interval '1 day' end
    and not exists (select 1 from callsift.calls c where c.upload_id = u.id) returning id`.execute(db)
  return pruned.rows.length
}
