import { sql } from 'kysely'
import { UploadQuotaFull } from '../errors.ts'
import type { Database } from './connect.ts'

/**
 * Makes room for a recording that is about to come, and gives its id. What is still coming counts with the length it may have, so that
 * uploads which begin together can't take the same room; its hash is empty until the last row. Throws `UploadQuotaFull`.
 */
export async function reserveUpload(
  db: Database,
  facts: { portalId: string; contentType: string | null; bytes: number },
  quotaBytes: number,
): Promise<string> {
  return await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('callsift.uploads'))`.execute(trx)
    const held = await sql<{
      bytes: string
    }>`select coalesce(sum(bytes), 0)::text as bytes from callsift.uploads`.execute(trx)
    const heldBytes = Number(held.rows[0]?.bytes ?? 0)
    if (heldBytes + facts.bytes > quotaBytes)
      throw new UploadQuotaFull({ heldBytes, quotaBytes, askedBytes: facts.bytes })
    const { id } = await trx
      .insertInto('callsift.uploads')
      .values({ portal_id: facts.portalId, sha256: '', bytes: String(facts.bytes), content_type: facts.contentType })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  })
}
