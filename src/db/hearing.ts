import { z } from 'zod'
import type { Queryable } from './connect.ts'

/** How one recording is to be heard; what is not named is as the portal has it. */
export const Hearing = z.object({
  /** Two letters (ISO 639), or `auto`. */
  language: z.string().optional(),
  /** Two voices as two tracks, or mixed. */
  stereo: z.enum(['split', 'mix']).optional(),
})
export type Hearing = z.output<typeof Hearing>

export async function setHearing(db: Queryable, uploadId: string, hearing: Hearing): Promise<void> {
  await db
    .updateTable('callsift.uploads')
    .set({ hearing: JSON.stringify(hearing) })
    .where('id', '=', uploadId)
    .execute()
}

export async function readHearing(db: Queryable, uploadId: string): Promise<Hearing> {
  const row = await db.selectFrom('callsift.uploads').select('hearing').where('id', '=', uploadId).executeTakeFirst()
  return Hearing.catch({}).parse(row?.hearing ?? {})
}
