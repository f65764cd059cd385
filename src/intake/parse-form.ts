import { unescape as decodePercents } from 'node:querystring'
import { parse } from 'qs'

/** A form's tree: strings at the leaves, no prototype anywhere. */
export interface FormTree {
  readonly [key: string]: unknown
}

/**
 * Reads PHP-style brackets (`data[FIELDS][ID]=1`) within limits; null where the form breaks one: deeper than 4, more than 200
 * parameters, a list longer than 20. Objects have no prototype, so that `__proto__` and `constructor` are names like others.
 */
export function parseForm(text: string): FormTree | null {
  try {
    return parse(text, {
      depth: 4,
      strictDepth: true,
      parameterLimit: 200,
      arrayLimit: 20,
      throwOnLimitExceeded: true,
      plainObjects: true,
      allowPrototypes: false,
      allowSparse: false,
      // Bytes that are no UTF-8 become U+FFFD; by itself the parser would leave the whole text undecoded.
      decoder: (piece) => decodePercents(piece.replaceAll('+', ' ')),
    }) as FormTree
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError || error instanceof URIError) return null
    throw error
  }
}

/** The subtree under a name; an empty one where there is none. */
export function branch(tree: FormTree, name: string): FormTree {
  const value = Object.hasOwn(tree, name) ? tree[name] : undefined
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as FormTree) : {}
}

/** The text under a name; repeats (lists) and brackets (trees) are no text. */
export function leaf(tree: FormTree, name: string): string | undefined {
  const value = Object.hasOwn(tree, name) ? tree[name] : undefined
  return typeof value === 'string' ? value : undefined
}
