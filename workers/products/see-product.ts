import { createHash } from 'node:crypto'
import type { Draft } from '../../src/db/drafts.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { sameText } from '../drafts/same-text.ts'
import type { ProductRubric } from '../rubrics/product-rubric.ts'
import { tellField } from '../tell-field.ts'

export interface SeenProduct {
  /** A line for each field of the rubric that holds anything. Nobody's personal data stand in a catalogue, and masking would spoil its codes. */
  readonly facts: string
  /** Of the rubric and the facts, not of the text: equal = the text is not stale. */
  readonly hash: string
  /** What stands in the field that the text goes into. */
  readonly current: string
}

export function seeProduct(product: CrmEntity, rubric: ProductRubric): SeenProduct {
  const lines = rubric.fields.flatMap((name) => {
    const value = tellField(product[name])
    return value === '' ? [] : [`${name}: ${value}`]
  })
  const facts = lines.join('\n')
  const hash = createHash('sha256').update(`${rubric.id}\n${facts}`).digest('hex')
  return { facts, hash, current: fieldText(product[rubric.field]) }
}

export function fieldText(value: unknown): string {
  return typeof value === 'string' ? value : value === null || value === undefined ? '' : String(value)
}

/**
 * What is to be done about a product's text: `draft` a new one; `write` the one that was paid for and has not come to the card;
 * `unchanged`: ours, and its product looks as it did, or it waits for a person; `described`: people wrote it, it is not ours to change.
 */
export function planText(
  seen: SeenProduct,
  known: Draft | undefined,
  asked: { readonly replace: boolean; readonly direct: boolean; readonly writes: boolean },
): 'draft' | 'write' | 'unchanged' | 'described' {
  // Without a fact there is nothing to be said.
  if (seen.facts === '') return 'unchanged'
  if (asked.replace) return 'draft'
  const empty = seen.current.trim() === ''
  if (known === undefined) return empty ? 'draft' : 'described'
  if (known.seenHash === seen.hash) {
    const stuck = known.state === 'approved' && known.runState !== 'running'
    const observed = known.state === 'observed' && asked.direct
    return (stuck || observed) && asked.writes ? 'write' : 'unchanged'
  }
  if (known.runState === 'running') return 'unchanged'
  return empty || sameText(seen.current, known.text) ? 'draft' : 'described'
}
