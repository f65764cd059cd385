import { z } from 'zod'

/** A call run carries the call's id and nothing else: its facts stand in the call's row. */
export const CallInput = z.object({ callId: z.string() })

export const Recording = z.discriminatedUnion('kind', [
  /** A file on the portal's disk; its address is asked anew for each fetch. */
  z.object({ kind: z.literal('file'), fileId: z.number().int() }),
  z.object({ kind: z.literal('upload'), uploadId: z.string() }),
  z.object({ kind: z.literal('url'), url: z.string() }),
])
export type Recording = z.output<typeof Recording>

/** A CRM record by Bitrix24's type id: 1 lead, 2 deal, 3 contact, 4 company. */
export const Entity = z.object({ typeId: z.number().int(), id: z.number().int() })
export type Entity = z.output<typeof Entity>

export const Part = z.object({ index: z.number().int(), startSeconds: z.number(), endSeconds: z.number() })
