import type { Queryable } from './connect.ts'

/** An uploaded recording, row by row: never whole in memory. */
export async function* readUpload(db: Queryable, uploadId: string): AsyncGenerator<Buffer> {
  for (let n = 0; ; n += 1) {
    const row = await db
      .selectFrom('callsift.upload_chunks')
      .select('data')
      .where('upload_id', '=', uploadId)
      .where('n', '=', n)
      .executeTakeFirst()
    if (row === undefined) return
    yield row.data
  }
}
