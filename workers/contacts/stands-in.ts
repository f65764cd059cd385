import { maskPeople } from '../judge/mask-people.ts'
import { plainLetters } from '../plain-letters.ts'
import type { ContactField } from './contact-fields.ts'
import { toE164 } from './to-e164.ts'

/** Whether a value stands in the text it is said to come from; looked up anew in the text itself, whatever was done to it before. */
export function standsIn(field: ContactField, value: string, source: string): boolean {
  if (field === 'email') return source.toLowerCase().includes(value.toLowerCase())
  if (field === 'phone') return maskPeople(source, ['PHONE']).values.some((one) => toE164(one.value) === value)
  const wanted = plainLetters(value)
  return wanted.length >= 2 && ` ${plainLetters(source)} `.includes(` ${wanted} `)
}
