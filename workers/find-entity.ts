import { Permanent } from '../src/errors.ts'
import type { Vibecode } from '../src/vibecode/client.ts'
import type { Activity } from '../src/wire/crm.ts'
import type { CallRecord } from '../src/wire/telephony.ts'
import type { Entity } from './call-input.ts'

const lead = 1
const deal = 2
const contact = 3
const company = 4

/**
 * Where the entry belongs: the newest open deal, else the lead, contact or company. An activity is usually bound to several records, and
 * its owner is often the contact; null when it is bound to nothing.
 */
export async function findEntity(
  vibecode: Vibecode,
  activity: Activity | null,
  statistic: CallRecord | null,
): Promise<Entity | null> {
  const bound = await listBound(vibecode, activity, statistic)
  const boundDeals = bound.filter((entity) => entity.typeId === deal).sort((a, b) => b.id - a.id)
  const [newest] = boundDeals
  if (newest !== undefined) return boundDeals.length === 1 ? newest : await newestOpen(vibecode, boundDeals)
  const owner = [contact, company, lead]
    .map((typeId) => bound.find((entity) => entity.typeId === typeId))
    .find((one) => one !== undefined)
  if (owner !== undefined) {
    const [open] = await vibecode.crm.findOpenDeals(ownerFilter(owner), { limit: 1 })
    if (open !== undefined) return { typeId: deal, id: open.id }
  }
  return (
    [lead, contact, company]
      .map((typeId) => bound.find((entity) => entity.typeId === typeId))
      .find((one) => one !== undefined) ?? null
  )
}

async function listBound(
  vibecode: Vibecode,
  activity: Activity | null,
  statistic: CallRecord | null,
): Promise<Entity[]> {
  const bound: Entity[] = []
  if (activity !== null) {
    for (const binding of await readBindings(vibecode, activity.id))
      bound.push({ typeId: binding.entityTypeId, id: binding.entityId })
    if (bound.length === 0 && activity.ownerTypeId !== null && activity.ownerId !== null) {
      bound.push({ typeId: activity.ownerTypeId, id: activity.ownerId })
    }
  }
  if (bound.length === 0 && statistic?.entityTypeId != null && statistic.entityId !== null) {
    bound.push({ typeId: statistic.entityTypeId, id: statistic.entityId })
  }
  return bound
}

/** The bindings route is not documented: where it is missing, the activity's owner has to do. */
async function readBindings(vibecode: Vibecode, activityId: number) {
  try {
    return await vibecode.crm.getActivityBindings(activityId)
  } catch (error) {
    if (
      error instanceof Permanent &&
      (error.httpStatus === 404 || error.httpStatus === 405 || error.httpStatus === 501)
    )
      return []
    throw error
  }
}

/** The newest of the bound deals that is still open, else simply the newest: looks at three at most. */
async function newestOpen(vibecode: Vibecode, deals: readonly Entity[]): Promise<Entity> {
  for (const candidate of deals.slice(0, 3)) {
    const found = await vibecode.crm.getDeal(candidate.id)
    if (String(found.closed ?? 'N').toUpperCase() !== 'Y' && found.closed !== true) return candidate
  }
  const [newest] = deals
  if (newest === undefined) throw new Error('no deal to choose from')
  return newest
}

function ownerFilter(owner: Entity) {
  if (owner.typeId === contact) return { contactId: owner.id }
  return owner.typeId === company ? { companyId: owner.id } : { leadId: owner.id }
}
