import { isAccount, isCard, isInn, isSnils } from './checksums.ts'
import { findSpokenRuns } from './spoken-numbers.ts'

export type MaskKind = 'PHONE' | 'INN' | 'SNILS' | 'PASSPORT' | 'CARD' | 'ACCOUNT' | 'EMAIL' | 'NAME'

/** One thing that was replaced, at its first occurrence. */
interface MaskedValue {
  /** `PHONE_1` */
  readonly placeholder: string
  readonly kind: MaskKind
  /** As it was written; of a spoken number its digits. */
  readonly value: string
}

export interface Masked {
  readonly text: string
  readonly values: readonly MaskedValue[]
  /** How many different ones of each kind there were. */
  readonly counts: Readonly<Partial<Record<MaskKind, number>>>
}

interface Span {
  readonly start: number
  readonly end: number
  readonly kind: MaskKind
  /** What makes two spellings the same one. */
  readonly key: string
  readonly value?: string
}

/** Digits with what people put between them; a run of spaces, or a line's end, is no separator. */
const digitRun = /(?<![\p{L}\d])\+?\(?\d(?:[ \u00a0\-–.()]{0,2}\d){6,24}(?![\d])/gu
/** What follows an amount: money and quantities are what the verdict rests on. */
const amountAfter =
  /^\s*(?:руб|₽|тысяч|тыс|млн|миллион|миллиард|долл|евро|\$|€|%|процент|штук|шт(?!\p{L})|лиценз|мест|человек|пользоват|users|seats|licen|dollars|euros|rub|thousand|million)/iu
const amountBefore =
  /(?:бюджет\p{L}*|сумм\p{L}*|цен\p{L}*|стоимост\p{L}*|оборот\p{L}*|выручк\p{L}*|budget|price|sum)(?:\s+(?:до|в|на|около|примерно|of|is|about))?\s*$/iu
const names = /(?:меня зовут|мо[её] имя|моя фамилия|my name is)\s+(\p{Lu}\p{L}+(?:[ -]\p{Lu}\p{L}+){0,2})/gu
const emails = /[\p{L}\d._%+-]{1,64}@[\p{L}\d-]{1,63}(?:\.[\p{L}\d-]{1,63}){1,4}/gu

/**
 * Replaces what identifies a person by typed, numbered placeholders (`[PHONE_1]`): the same number gets the same one, so that the talk
 * still makes sense. Documents count by their check digits; money and quantities are left alone. Names are best effort: only those that
 * somebody introduces himself by. With `kinds`, those alone.
 */
export function maskPeople(text: string, kinds?: readonly MaskKind[]): Masked {
  const all = [...findEmails(text), ...findWritten(text), ...findSpoken(text), ...findNames(text)]
  const spans = kinds === undefined ? all : all.filter((span) => kinds.includes(span.kind))
  spans.sort((a, b) => a.start - b.start || b.end - a.end)
  const numbers = new Map<string, number>()
  const counts: Partial<Record<MaskKind, number>> = {}
  const values: MaskedValue[] = []
  let masked = ''
  let at = 0
  for (const span of spans) {
    if (span.start < at) continue
    const key = `${span.kind} ${span.key}`
    let number = numbers.get(key)
    if (number === undefined) {
      number = (counts[span.kind] ?? 0) + 1
      counts[span.kind] = number
      numbers.set(key, number)
      const value = span.value ?? text.slice(span.start, span.end)
      values.push({ placeholder: `${span.kind}_${number}`, kind: span.kind, value })
    }
    masked += `${text.slice(at, span.start)}[${span.kind}_${number}]`
    at = span.end
  }
  return { text: masked + text.slice(at), values, counts }
}

function* findEmails(text: string): Generator<Span> {
  for (const match of text.matchAll(emails))
    yield { start: match.index, end: match.index + match[0].length, kind: 'EMAIL', key: match[0].toLowerCase() }
}

function* findNames(text: string): Generator<Span> {
  for (const match of text.matchAll(names)) {
    const name = match[1] ?? ''
    const start = match.index + match[0].length - name.length
    yield { start, end: start + name.length, kind: 'NAME', key: name.toLowerCase() }
  }
}

function* findWritten(text: string): Generator<Span> {
  const bik = /(?:бик|bik)\D{0,10}(04\d{7})/iu.exec(text)?.[1] ?? null
  for (const match of text.matchAll(digitRun)) {
    const end = match.index + match[0].length
    const before = text.slice(Math.max(0, match.index - 40), match.index)
    const digits = match[0].replace(/\D/g, '')
    const kind = kindOf(match[0], digits, before, bik)
    if (kind === null) continue
    // A number with its plus, or with check digits and a name before it, is no amount whatever follows.
    if (kind === 'PHONE' && !match[0].startsWith('+') && isAmount(before, text.slice(end, end + 20))) continue
    yield { start: match.index, end, kind, key: kind === 'PHONE' ? digits.slice(-10) : digits }
  }
}

function isAmount(before: string, after: string): boolean {
  return amountAfter.test(after) || amountBefore.test(before)
}

function kindOf(written: string, digits: string, before: string, bik: string | null): MaskKind | null {
  if (digits.length === 20 && isAccount(digits, bik)) return 'ACCOUNT'
  if (digits.length >= 13 && isCard(digits)) return 'CARD'
  if (digits.length === 10 && /(?:паспорт|серия|passport)[^.!?]{0,30}$/iu.test(before)) return 'PASSPORT'
  if (/(?:инн|inn)\p{L}*[^.!?]{0,12}$/iu.test(before) && isInn(digits)) return 'INN'
  if (digits.length === 11 && (/снилс[^.!?]{0,12}$/iu.test(before) || /^\d{3}-\d{3}-\d{3}[ -]\d{2}$/.test(written))) {
    if (isSnils(digits)) return 'SNILS'
  }
  if (isPhone(written, digits, before)) return 'PHONE'
  return digits.length === 12 && isInn(digits) ? 'INN' : null
}

/** +7 or 8 and ten digits; ten digits that begin like a mobile or an area code; seven after a word that says so. */
function isPhone(written: string, digits: string, before: string): boolean {
  if (written.startsWith('+')) return digits.length >= 10 && digits.length <= 15
  if (/^[78][3489]\d{9}$/.test(digits)) return true
  if (/^[3489]\d{9}$/.test(digits)) return /[()–-]/.test(written) || saysPhone(before) || digits.startsWith('9')
  return digits.length === 7 && saysPhone(before)
}

/** A placeholder of ours says nothing about what stands after it. */
function saysPhone(before: string): boolean {
  return /(?:телефон\p{L}*|номер\p{L}*|звоните|перезвоните|наберите|(?<!\[)phone|number|call)[^.!?]{0,20}$/iu.test(
    before,
  )
}

/** Spoken out: eleven digits after «восемь» or «семь», or ten from nine on. */
function* findSpoken(text: string): Generator<Span> {
  for (const run of findSpokenRuns(text)) {
    const { digits } = run
    if (!/^[78][3489]\d{9}$/.test(digits) && !/^9\d{9}$/.test(digits)) continue
    const plus = /плюс\s+$/iu.exec(text.slice(Math.max(0, run.start - 8), run.start))
    const start = run.start - (plus?.[0].length ?? 0)
    yield { start, end: run.end, kind: 'PHONE', key: digits.slice(-10), value: digits }
  }
}
