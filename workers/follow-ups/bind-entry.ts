import { entityTypeIds } from '../../src/wire/crm.ts'
import type { Entity } from '../call-input.ts'
import type { FollowedUp } from './follow-ups.ts'
import { type Judged, skip, tellEntity, writeFollowUp } from './judged-call.ts'

/** Shows the entry in the timelines of the contact and the company too, as the lead or deal names them. */
export async function bindEntry(judged: Judged): Promise<FollowedUp> {
  const { context, entity, seen } = judged
  const { timeline, crm } = context.vibecode
  const entryId = seen.writeTimeline.externalId
  const record = await crm.getEntity(entity.typeId, entity.id)
  const wanted: readonly Entity[] = [
    { typeId: entityTypeIds.contact, id: record.contactId ?? 0 },
    { typeId: entityTypeIds.company, id: record.companyId ?? 0 },
  ]
  const targets = wanted.filter((one) => one.id > 0 && one.typeId !== entity.typeId)
  if (entryId === null || targets.length === 0) return skip('bind', 'nothing_to_bind')
  const done: FollowedUp[] = []
  for (const target of targets) {
    const written = await writeFollowUp(judged, 'bind', {
      on: tellEntity(target),
      again: true,
      send: async () => {
        await timeline.bind(entryId, { entityTypeId: target.typeId, entityId: target.id })
        return entryId
      },
      readBack: async () => {
        const bound = await timeline.bindings(entryId)
        return bound.some((one) => one.entityTypeId === target.typeId && one.entityId === target.id) ? entryId : null
      },
    })
    done.push(written)
  }
  // Of two, what was done now says more than what stood already.
  const state = done.find((one) => one.state === 'written')?.state ?? done[0]?.state ?? 'kept'
  return { kind: 'bind', state, why: null, on: done.flatMap((one) => one.on) }
}
