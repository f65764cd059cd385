import type { CrmEntity, Portal } from '../portal.ts'

/** Field names and types by entity, as `GET /{entity}/fields` tells them; a trailing `!` marks what only the portal writes. */
const catalogue: Record<CrmEntity, string> = {
  leads:
    'id:integer! title:string name:string lastName:string secondName:string statusId:crm_status companyTitle:string companyId:integer contactId:integer amount:double currency:string sourceId:crm_status sourceDescription:string assignedById:user createdBy:user! opened:char comments:string post:string phone:crm_multifield email:crm_multifield createdTime:datetime! updatedTime:datetime!',
  deals:
    'id:integer! title:string stageId:crm_status stageSemanticId:string! closed:char categoryId:integer typeId:crm_status amount:double currency:string contactId:integer companyId:integer leadId:integer assignedById:user createdBy:user! opened:char comments:string sourceId:crm_status beginDate:date closeDate:date createdTime:datetime! updatedTime:datetime!',
  contacts:
    'id:integer! name:string lastName:string secondName:string post:string companyId:integer leadId:integer assignedById:user createdBy:user! opened:char comments:string sourceId:crm_status phone:crm_multifield email:crm_multifield createdTime:datetime! updatedTime:datetime!',
  companies:
    'id:integer! title:string industry:crm_status employees:crm_status revenue:double currency:string assignedById:user createdBy:user! opened:char comments:string phone:crm_multifield email:crm_multifield createdTime:datetime! updatedTime:datetime!',
  products:
    'id:integer! name:string code:string active:char price:double currency:string sectionId:integer sort:integer description:string descriptionType:string detailText:string previewText:string createdBy:user! createdTime:datetime! updatedTime:datetime!',
  quotes:
    'id:integer! title:string statusId:crm_status amount:double currency:string dealId:integer leadId:integer contactId:integer companyId:integer assignedById:user createdBy:user! comments:string createdTime:datetime! updatedTime:datetime!',
  users: 'id:integer! ID:integer! NAME:string LAST_NAME:string ACTIVE:boolean EMAIL:string',
}

interface Field {
  readonly type: string
  readonly isReadOnly: boolean
}

const parsed = new Map<CrmEntity, Map<string, Field>>()

function fieldsOf(entity: CrmEntity): Map<string, Field> {
  const known = parsed.get(entity)
  if (known) return known
  const fields = new Map<string, Field>()
  for (const entry of catalogue[entity].split(' ')) {
    const [name = '', type = ''] = entry.split(':')
    fields.set(name, { type: type.replace('!', ''), isReadOnly: type.endsWith('!') })
  }
  parsed.set(entity, fields)
  return fields
}

function isUserField(name: string): boolean {
  return /^(UF_CRM_|ufCrm)/.test(name)
}

/** The name under which a field is stored, whatever the portal calls its times; `undefined` = no such field here. */
export function storedName(portal: Portal, entity: CrmEntity, name: string): string | undefined {
  if (isUserField(name)) return name
  if (portal.switches.timeFields === 'createdAt') {
    if (name === 'createdAt') return 'createdTime'
    if (name === 'updatedAt') return 'updatedTime'
    if (name === 'createdTime' || name === 'updatedTime') return undefined
  }
  return fieldsOf(entity).has(name) ? name : undefined
}

/** The name under which a stored field is answered. */
export function shownName(portal: Portal, name: string): string {
  if (portal.switches.timeFields === 'createdTime') return name
  return name === 'createdTime' ? 'createdAt' : name === 'updatedTime' ? 'updatedAt' : name
}

/** What of the given fields may be written; unknown and read-only names are dropped, as Bitrix24 drops them. */
export function writable(portal: Portal, entity: CrmEntity, given: Record<string, unknown>): Record<string, unknown> {
  const fields = fieldsOf(entity)
  const declared = new Set((portal.userFields.get(entity) ?? []).map((field) => field.fieldName))
  const open = portal.switches.userFields === 'open'
  return Object.fromEntries(
    Object.entries(given).filter(([name]) =>
      isUserField(name) ? open || declared.has(name) : fields.get(name)?.isReadOnly === false,
    ),
  )
}

export function describeFields(portal: Portal, entity: CrmEntity): Record<string, unknown> {
  const described: Record<string, unknown> = {}
  for (const [name, field] of fieldsOf(entity)) {
    described[shownName(portal, name)] = {
      type: field.type,
      isRequired: false,
      isReadOnly: field.isReadOnly,
      title: name,
    }
  }
  for (const { fieldName, userTypeId, label } of portal.userFields.get(entity) ?? []) {
    described[fieldName] = { type: userTypeId, isRequired: false, isReadOnly: false, title: label }
  }
  return described
}
