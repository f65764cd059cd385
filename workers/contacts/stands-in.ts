import { maskPeople } from '../judge/mask-people.ts'
import type { ContactField } from './contact-fields.ts'
import { toE164 } from './to-e164.ts'

/** Whether a value stands in the text it is said to come from; looked up anew in the text itself, whatever was done to it before. */
export function standsIn(field: ContactField, value: string, source: string): boolean {
  if (field === 'email') return source.toLowerCase().includes(value.toLowerCase())
  if (field === 'phone') return maskPeople(source, ['PHONE']).values.some((one) => toE164(one.value) === value)
  const wanted = plain(value)
  return wanted.length >= 2 && ` ${plain(source)} `.includes(` ${wanted} `)
}

/** Letters and digits alone: quotation marks and case of a company's name are told in many ways. */
function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll('ё', 'е')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}
