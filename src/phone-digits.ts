/**
 * A phone number as it is compared: its last ten digits, by which +7, 8 and a bare national number are the same. Null for what is too
 * short to be anybody's own (an extension, a service number).
 */
export function phoneDigits(phone: string | null | undefined): string | null {
  const digits = (phone ?? '').replace(/\D/g, '')
  return digits.length < 7 ? null : digits.slice(-10)
}
