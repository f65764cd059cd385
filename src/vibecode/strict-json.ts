import { isDeepStrictEqual } from 'node:util'
import { jsonDepth, maxJsonDepth } from './answer-body.ts'

export type ExtractedObject =
  | { readonly ok: true; readonly value: Record<string, unknown>; readonly cleaned: boolean }
  | { readonly ok: false; readonly issue: string }

/**
 * Takes the one JSON object out of a model's answer. Only wrapping is taken off: a BOM, one `<think>` block, one code
 * fence, prose around exactly one object. Nothing inside is repaired: a guessed number is a wrong verdict.
 */
export function extractObject(content: string): ExtractedObject {
  const bare = content.replace(/^\uFEFF/, '').trim()
  const whole = parseStrict(bare)
  if (whole.ok) return { ...whole, cleaned: bare.length !== content.trim().length || content.startsWith('\uFEFF') }
  // Valid JSON that breaks a rule (an array, a doubled key) is judged as it stands, not searched for something better.
  if (whole.valid) return { ok: false, issue: whole.issue }
  const unwrapped = unwrap(bare)
  if (unwrapped === undefined) return { ok: false, issue: whole.issue }
  const inner = parseStrict(unwrapped)
  return inner.ok ? { ...inner, cleaned: true } : { ok: false, issue: inner.issue }
}

function unwrap(text: string): string | undefined {
  let rest = text
  const think = /^<think>[\s\S]*?<\/think>/i.exec(rest)
  if (think !== null) rest = rest.slice(think[0].length)
  if (/<\/?think>/i.test(rest)) return undefined
  const pieces = rest.split('```')
  if (pieces.length === 3) {
    const [before = '', inside = '', after = ''] = pieces
    if (/[{}[\]]/.test(before + after)) return undefined
    rest = inside.replace(/^[a-z]*\s/i, '')
  } else if (pieces.length !== 1) return undefined
  return soleObject(rest)
}

/** The text's only top-level object; undefined when there are brackets anywhere around it. */
function soleObject(text: string): string | undefined {
  const start = text.search(/[{[]/)
  if (start === -1 || text[start] !== '{') return undefined
  let depth = 0
  let inString = false
  for (let index = start; index < text.length; index += 1) {
    const letter = text[index]
    if (inString) {
      if (letter === '\\') index += 1
      else if (letter === '"') inString = false
    } else if (letter === '"') inString = true
    else if (letter === '{' || letter === '[') depth += 1
    else if (letter === '}' || letter === ']') {
      depth -= 1
      if (depth > 0) continue
      const around = text.slice(0, start) + text.slice(index + 1)
      return /[{}[\]]/.test(around) ? undefined : text.slice(start, index + 1)
    }
  }
  return undefined
}

type Parsed = { ok: true; value: Record<string, unknown> } | { ok: false; valid: boolean; issue: string }

function parseStrict(text: string): Parsed {
  if (jsonDepth(Buffer.from(text)) > maxJsonDepth) {
    return { ok: false, valid: true, issue: 'The answer is nested too deeply.' }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, valid: false, issue: 'The answer is not exactly one valid JSON object.' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, valid: true, issue: 'The answer must be a JSON object.' }
  }
  const doubled = contradictingKey(text)
  if (doubled !== undefined) {
    return {
      ok: false,
      valid: true,
      issue: `The key ${JSON.stringify(doubled.slice(0, 80))} stands twice with different values.`,
    }
  }
  return { ok: true, value: value as Record<string, unknown> }
}

/** The first key given twice with different values. JSON.parse would silently take the last. `text` is valid JSON of bounded depth. */
export function contradictingKey(text: string): string | undefined {
  let position = 0
  let found: string | undefined

  function skipSpace(): void {
    while (/\s/.test(text[position] ?? '')) position += 1
  }

  function skipString(): string {
    const start = position
    for (position += 1; text[position] !== '"'; position += 1) if (text[position] === '\\') position += 1
    position += 1
    return text.slice(start, position)
  }

  function skipValue(): void {
    skipSpace()
    const opening = text[position]
    if (opening === '"') {
      skipString()
      return
    }
    if (opening !== '{' && opening !== '[') {
      while (position < text.length && !/[\s,\]}]/.test(text[position] ?? '')) position += 1
      return
    }
    position += 1
    const seen = new Map<string, unknown>()
    for (;;) {
      skipSpace()
      if (text[position] === '}' || text[position] === ']') {
        position += 1
        return
      }
      if (text[position] === ',') {
        position += 1
        continue
      }
      if (opening === '[') {
        skipValue()
        continue
      }
      const key = JSON.parse(skipString()) as string
      skipSpace()
      position += 1
      skipSpace()
      const start = position
      skipValue()
      const value: unknown = JSON.parse(text.slice(start, position))
      if (seen.has(key) && !isDeepStrictEqual(seen.get(key), value)) found ??= key
      seen.set(key, value)
    }
  }

  skipValue()
  return found
}
