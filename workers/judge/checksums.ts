/** Check digits of Russian documents and of cards. All take digits alone. */

function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, place) => sum + weight * Number(digits[place]), 0)
}

/** Order of the Federal Tax Service MMV-7-6/435: ten digits for organisations, twelve for people. */
export function isInn(digits: string): boolean {
  const check = (weights: readonly number[]) => (weighted(digits, weights) % 11) % 10
  if (/^\d{10}$/.test(digits)) return check([2, 4, 10, 3, 5, 9, 4, 6, 8]) === Number(digits[9])
  if (!/^\d{12}$/.test(digits)) return false
  return (
    check([7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) === Number(digits[10]) &&
    check([3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) === Number(digits[11])
  )
}

/** The insurance number of a person; numbers up to 001-001-998 have no check digits, and belong to nobody who still calls. */
export function isSnils(digits: string): boolean {
  if (!/^\d{11}$/.test(digits) || Number(digits.slice(0, 9)) <= 1_001_998) return false
  const sum = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101
  return (sum === 100 ? 0 : sum) === Number(digits.slice(9))
}

/** ISO/IEC 7812: Luhn, with the first digit of a payment system. */
export function isCard(digits: string): boolean {
  if (!/^[2-6]\d{12,18}$/.test(digits)) return false
  let sum = 0
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place])
    const doubled = place % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Bank of Russia, 515: the account's key, computed over the last three digits of the bank's BIK and the account. */
export function isAccount(digits: string, bik: string | null): boolean {
  if (!/^(?:30|4[0-7])\d{18}$/.test(digits)) return false
  if (bik === null) return true
  const control = digits.startsWith('301') ? `0${bik.slice(4, 6)}` : bik.slice(-3)
  const weights = Array.from({ length: 23 }, (_, place) => [7, 1, 3][place % 3] ?? 0)
  return (
    [...(control + digits)].reduce((sum, digit, place) => sum + (((weights[place] ?? 0) * Number(digit)) % 10), 0) %
      10 ===
    0
  )
}
