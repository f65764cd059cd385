import type { CrmEntity } from '../../src/wire/crm.ts'

export type ContactField = 'phone' | 'email' | 'company'

/** The fields that are looked at, as the API names them. */
export const fieldNames = {
  leads: ['phone', 'email', 'companyTitle', 'companyId'],
  contacts: ['phone', 'email', 'companyId'],
} as const

/** What a record lacks. A field that holds anything, be it a second number's place, is nobody's to fill. */
export function missingFields(of: 'leads' | 'contacts', record: CrmEntity): ContactField[] {
  const missing: ContactField[] = []
  if (isEmpty(record['phone'])) missing.push('phone')
  if (isEmpty(record['email'])) missing.push('email')
  if (record.companyId === null && (of === 'contacts' || isEmpty(record['companyTitle']))) missing.push('company')
  return missing
}

/** A list of values (`[{value}]`) or a text. Some portals answer `[{"value":""}]` for none. */
function isEmpty(value: unknown): boolean {
  return valuesOf(value).length === 0
}

export function valuesOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((one) => {
    const text = typeof one === 'object' && one !== null && 'value' in one ? one.value : one
    const told = typeof text === 'string' || typeof text === 'number' ? String(text).trim() : ''
    return told === '' ? [] : [told]
  })
}
