import { dateFormat, numberFormat } from './formatters.ts'
import { type Html, html } from './html.ts'
import type { View } from './view.ts'

const locales = { en: 'en-GB', ru: 'ru-RU' } as const

export function number(view: View, value: number, digits = 0): string {
  return numberFormat(locales[view.language.code], { maximumFractionDigits: digits }).format(value)
}

/** Millionths as money, with so many digits behind the point where they are there. */
export function money(view: View, micros: number | null, digits = 2): string {
  if (micros === null) return ''
  const format = (currency: string) =>
    numberFormat(locales[view.language.code], {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: 2,
      maximumFractionDigits: digits,
    })
  const amount = micros / 1_000_000
  return /^[A-Z]{3}$/.test(view.currency)
    ? format(view.currency).format(amount)
    : `${amount.toFixed(2)} ${view.currency}`
}

/** `6:21`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3_600)
  const minutes = Math.floor((whole % 3_600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

const units = {
  en: { ms: 'ms', s: 's', min: 'min', h: 'h', d: 'd' },
  ru: { ms: 'мс', s: 'с', min: 'мин', h: 'ч', d: 'д' },
} as const

/** A span of time in its two largest units: `41.8 s`, `12 min`, `2 h 5 min`, `3 d 4 h`. */
export function span(view: View, ms: number): string {
  const unit = units[view.language.code]
  if (ms < 1_000) return `${Math.round(ms)} ${unit.ms}`
  if (ms < 60_000) return `${number(view, ms / 1_000, ms < 10_000 ? 1 : 0)} ${unit.s}`
  const minutes = Math.round(ms / 60_000)
  if (minutes < 60) return `${minutes} ${unit.min}`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} ${unit.h}${minutes % 60 > 0 ? ` ${minutes % 60} ${unit.min}` : ''}`
  return `${Math.floor(hours / 24)} ${unit.d}${hours % 24 > 0 ? ` ${hours % 24} ${unit.h}` : ''}`
}

export function dateOf(value: Date | string): Date {
  return value instanceof Date ? value : new Date(value)
}

export function dateTime(view: View, value: Date | string): string {
  return dateFormat(locales[view.language.code], {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: view.timeZone,
  }).format(dateOf(value))
}

/** A moment as people write it where the portal stands; the machine's form beside it. */
export function moment(view: View, value: Date | string | null): Html | null {
  if (value === null) return null
  return html`<time datetime="${dateOf(value).toISOString()}">${dateTime(view, value)}</time>`
}

export function timeOfDay(view: View, value: Date | string): Html {
  const day = dateOf(value).toDateString() === view.now.toDateString()
  const text = dateFormat(locales[view.language.code], {
    ...(day ? {} : { day: '2-digit', month: '2-digit' }),
    hour: '2-digit',
    minute: '2-digit',
    timeZone: view.timeZone,
  }).format(dateOf(value))
  return html`<time datetime="${dateOf(value).toISOString()}" title="${dateTime(view, value)}">${text}</time>`
}

/** `14:00`, or of a day `26.11`. */
export function hourLabel(view: View, value: Date, day: boolean): string {
  return dateFormat(locales[view.language.code], {
    ...(day ? { day: '2-digit', month: '2-digit' } : { hour: '2-digit', minute: '2-digit' }),
    timeZone: view.timeZone,
  }).format(value)
}

export function age(view: View, value: Date | string): Html {
  const at = dateOf(value)
  return html`<time datetime="${at.toISOString()}" title="${dateTime(view, at)}">${span(view, Math.max(0, view.now.getTime() - at.getTime()))}</time>`
}
