/**
 * A number as E.164 (`+79035550142`); null for what has no country or area. With a plus it is taken as it stands; 8 and ten digits, and
 * ten digits alone, are a number of the country that +7 is.
 */
export function toE164(written: string): string | null {
  const digits = written.replace(/\D/g, '')
  if (/^\s*\(?\+/.test(written)) return /^[1-9]\d{7,14}$/.test(digits) ? `+${digits}` : null
  if (/^[78][3489]\d{9}$/.test(digits)) return `+7${digits.slice(1)}`
  return /^[3489]\d{9}$/.test(digits) ? `+7${digits}` : null
}
