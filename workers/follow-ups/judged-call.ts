import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { CallFacts } from '../../src/db/call-facts.ts'
import type { Written } from '../../src/engine/effects.ts'
import { type EntityTypeName, entityTypeName } from '../../src/wire/crm.ts'
import type { CallContext } from '../call-context.ts'
import { CallInput, Entity, TranscriptSegment } from '../call-input.ts'
import type { FollowedUp, FollowUp, Skipped } from './follow-ups.ts'

/** All that a follow-up may look at of the call it follows. */
export const JudgedCall = z.object({
  run: CallInput,
  locateRecording: z.object({ entity: Entity.nullable(), activityId: z.string().nullable() }),
  mergeTranscript: z.object({ segments: z.array(TranscriptSegment).readonly() }),
  classifyLead: z.object({
    quality: z.string().nullable(),
    score: z.number().nullable(),
    reason: z.string().nullable(),
    doubts: z.array(z.string()),
  }),
  writeTimeline: z.object({ externalId: z.string().nullable(), entity: Entity.nullable() }),
})

/** A call whose entry stands, and what may be done with it. */
export interface Judged {
  readonly context: CallContext
  readonly call: CallFacts
  /** The record that the entry stands in. */
  readonly entity: Entity
  readonly seen: z.output<typeof JudgedCall>
}

/** What becomes of a write whose answer was lost and that cannot be looked up: doing it twice would be worse. */
const unconfirmed = 'unconfirmed'

export function tellEntity({ typeId, id }: Entity): string {
  return `${entityTypeName(typeId) ?? typeId} ${id}`
}

export function leadOrDeal({ typeId }: Entity): Extract<EntityTypeName, 'lead' | 'deal'> | null {
  const name = entityTypeName(typeId)
  return name === 'lead' || name === 'deal' ? name : null
}

export function skip(kind: FollowUp['kind'], why: z.output<typeof Skipped>): FollowedUp {
  return { kind, state: 'skipped', why, on: [] }
}

/**
 * One follow-up as an effect. `again`: it is done anew for a second entry that a person asked for; all others are done once for a call,
 * whatever is run again. Without `readBack` it is done at most once.
 */
export async function writeFollowUp(
  { context, call, entity }: Judged,
  kind: FollowUp['kind'],
  write: {
    readonly on: string
    readonly again: boolean
    send(): Promise<string>
    readBack?(): Promise<string | null>
  },
): Promise<FollowedUp> {
  const intentNo = write.again ? call.intent_no : 1
  const key = `call ${call.id} ${kind} ${intentNo} ${write.on}`
  const { how, externalId }: Written = await context.writeOnce({
    key,
    kind,
    intentNo,
    marker: createHash('sha256').update(key).digest('hex').slice(0, 8),
    target: { ...entity, on: write.on },
    send: () => write.send(),
    readBack: () => write.readBack?.() ?? Promise.resolve(unconfirmed),
  })
  return { kind, state: externalId === unconfirmed ? unconfirmed : how, why: null, on: [write.on] }
}
