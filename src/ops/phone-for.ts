import { maskPhone } from '../db/calls.ts'
import { type Caller, mayAct } from './operation.ts'

/** Whoever may only look sees the last four digits. */
export function phoneFor(caller: Caller, phone: string | null): string | null {
  return mayAct(caller, 'operator') ? phone : maskPhone(phone)
}
