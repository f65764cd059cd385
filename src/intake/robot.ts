import { z } from 'zod'
import { type FormTree, leaf } from './parse-form.ts'

const typeIds: Readonly<Record<string, number>> = {
  lead: 1,
  deal: 2,
  contact: 3,
  company: 4,
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
}

const RobotCall = z.object({
  callId: z
    .string()
    .max(255)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be plain text')
    .optional(),
  activityId: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be digits')
    .optional(),
  entity: z.string().optional(),
  id: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be digits')
    .optional(),
})

export type ReadRobot =
  | { readonly call: { callRef?: string; activityId?: string; entityTypeId?: number; entityId?: string } }
  | { readonly problem: string }

/**
 * Reads what the built-in robot sends: the words that its owner put into the query, and the document it runs on as
 * `document_id[2]=DEAL_142`. It must name a call, else nobody knows which of the record's calls is meant.
 */
export function readRobot(form: FormTree): ReadRobot {
  const known = (...names: string[]) =>
    names.map((name) => leaf(form, name)).find((value) => value !== undefined && value !== '')
  const read = RobotCall.safeParse({
    callId: known('callId', 'CALL_ID'),
    activityId: known('activityId', 'CRM_ACTIVITY_ID'),
    entity: known('entity', 'entityTypeId'),
    id: known('id', 'entityId'),
  })
  if (!read.success)
    return { problem: read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ') }
  const { callId, activityId } = read.data
  if (callId === undefined && activityId === undefined) {
    return { problem: 'no call is named; add callId=… or activityId=… to the address in the robot' }
  }
  const entity = entityOf(read.data.entity, read.data.id) ?? documentOf(form)
  if (entity === 'unknown') return { problem: 'entity must be lead, deal, contact or company, together with id' }
  return {
    call: {
      ...(callId === undefined ? {} : { callRef: callId }),
      ...(activityId === undefined ? {} : { activityId }),
      ...(entity ?? {}),
    },
  }
}

type Entity = { entityTypeId: number; entityId: string }

function entityOf(entity: string | undefined, id: string | undefined): Entity | 'unknown' | null {
  if (entity === undefined && id === undefined) return null
  const word = (entity ?? '').toLowerCase()
  const typeId = Object.hasOwn(typeIds, word) ? typeIds[word] : undefined
  return typeId === undefined || id === undefined ? 'unknown' : { entityTypeId: typeId, entityId: id }
}

function documentOf(form: FormTree): Entity | null {
  const document = form['document_id']
  const parts = Array.isArray(document) ? document : []
  const found = /^(LEAD|DEAL|CONTACT|COMPANY)_([1-9]\d{0,14})$/.exec(String(parts[2] ?? ''))
  const typeId = typeIds[found?.[1]?.toLowerCase() ?? '']
  return typeId === undefined || found?.[2] === undefined ? null : { entityTypeId: typeId, entityId: found[2] }
}
