import { Permanent } from '../../src/errors.ts'
import { missingLeadFields, verdictFields } from '../../src/wire/lead-fields.ts'
import type { FollowedUp } from './follow-ups.ts'
import { type Judged, leadOrDeal, skip, tellEntity, writeFollowUp } from './judged-call.ts'

/** The verdict in the user fields of the lead or deal, where lists and reports of the CRM can filter by it. */
export async function setFields(judged: Judged): Promise<FollowedUp> {
  const { context, entity, seen } = judged
  const { vibecode, portal } = context
  const name = leadOrDeal(entity)
  if (name === null) return skip('fields', 'not_lead_or_deal')
  const owner = name === 'lead' ? 'leads' : 'deals'
  // A portal drops a user field that it does not have without a word.
  const missing = missingLeadFields(await vibecode.userFields.names(owner))
  if (missing.length > 0) {
    throw new Permanent('verdict_fields_missing', {
      message: `The ${owner} of portal ${portal.id} have no field ${missing.map((field) => field.name).join(', ')}.`,
      hint: `Create them: callsift portal fields ${portal.id} --of ${owner} --yes. Then retry the call.`,
      policy: 'fix',
    })
  }
  const { quality, score, reason, doubts } = seen.classifyLead
  const fields = verdictFields({ quality: quality ?? '', score: score ?? 0, reason: reason ?? '', doubts })
  return await writeFollowUp(judged, 'fields', {
    on: tellEntity(entity),
    again: true,
    send: async () => {
      await vibecode.userFields.set(owner, entity.id, fields)
      return String(entity.id)
    },
    readBack: async () => {
      const record = await vibecode.crm.getEntity(entity.typeId, entity.id)
      const shown = Object.entries(fields).every(([field, value]) => String(record[field] ?? '') === String(value))
      return shown ? String(entity.id) : null
    },
  })
}
