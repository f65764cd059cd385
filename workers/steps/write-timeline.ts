import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type CallFacts, readCall } from '../../src/db/call-facts.ts'
import { Permanent } from '../../src/errors.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import { CallInput, Entity } from '../call-input.ts'
import { chooseFollowUps, FollowUp } from '../follow-ups/follow-ups.ts'
import { step } from '../step.ts'

const Written = z.object({
  /** `observed`: writing is off, this is what would have been written; `kept`: an earlier run wrote, and the CRM shows that verdict. */
  state: z.enum(['written', 'found', 'kept', 'observed']),
  externalId: z.string().nullable(),
  /** Null only where nothing was written: the call belongs to nothing yet. */
  entity: Entity.nullable(),
  title: z.string(),
  text: z.string(),
  /** What is done beside it; a release before knew of none. */
  followUps: z.array(FollowUp).optional(),
})

/** Writes the one entry. Timeline entries have no idempotency key and cannot be deleted, so it is written once, or not at all. */
export const writeTimeline = step({
  name: 'writeTimeline',
  queue: 'timeline',
  family: 'crm',
  input: z.object({
    run: CallInput,
    locateRecording: z.object({ entity: Entity.nullable() }),
    classifyLead: z.object({
      quality: z.string().nullable(),
      score: z.number().nullable(),
      reason: z.string().nullable(),
      doubts: z.array(z.string()),
    }),
  }),
  output: Written,
  async run(context, { run, locateRecording, classifyLead: verdict }) {
    const { entity } = locateRecording
    const call = await readCall(context.db, run.callId)
    const key = `call ${call.id} timeline ${call.intent_no}`
    const marker = markEntry(context.portal.memberId, call)
    const entry = {
      title: `AI classification: ${verdict.quality} (${verdict.score}/100)${verdict.doubts.length > 0 ? ', needs review' : ''}`,
      text: `${verdict.reason}\n${marker}`,
    }
    if (!context.config.write || !context.portal.writeEnabled || call.dry_run) {
      return { state: 'observed' as const, externalId: null, entity, ...entry }
    }
    if (entity === null) {
      throw new Permanent('no_entity', {
        message: `Call ${call.call_ref ?? call.id} belongs to no deal, lead, contact or company, so its entry has no place. The verdict is kept.`,
        hint: `Assign it: callsift call assign ${call.id} --deal NUMBER`,
        policy: 'manual',
      })
    }
    const written = await context.writeOnce({
      key,
      kind: 'timeline',
      intentNo: call.intent_no,
      marker,
      target: entity,
      send: async () => {
        const created = await context.vibecode.timeline.create({
          entityTypeId: entity.typeId,
          entityId: entity.id,
          ...entry,
        })
        return String(created.id)
      },
      readBack: (sentAt, target) => findEntry(context.vibecode, Entity.parse(target), marker, sentAt),
    })
    const followUps = chooseFollowUps(context.portal.settings, verdict.quality)
    return { state: written.how, externalId: written.externalId, entity, ...entry, followUps }
  },
})

/**
 * The entry's last line, by which a read-back knows it again. Made of the portal's own names of the call where it has any: our ids
 * begin anew with a new database, and must not meet what an earlier one wrote.
 */
function markEntry(memberId: string, call: CallFacts): string {
  const name = [memberId, call.call_ref ?? call.activity_id ?? call.id, 'timeline', call.intent_no].join(' ')
  return `ref: ${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}

/** Clocks differ: what the portal dates a little before our own send may still be ours. */
const clockSlackMs = 10 * 60_000
const maxPages = 100

/** Pages through the entity's entries until they are older than the send. */
async function findEntry(vibecode: Vibecode, entity: Entity, marker: string, sentAt: Date): Promise<string | null> {
  let start = 0
  for (let pages = 0; pages < maxPages; pages += 1) {
    const page = await vibecode.timeline.list({ entityTypeId: entity.typeId, entityId: entity.id, start })
    const found = page.entries.find((entry) => entry.text?.includes(marker))
    if (found !== undefined) return String(found.id)
    const oldest = page.entries.at(-1)?.created
    const passed = page.newestFirst && oldest != null && Date.parse(oldest) < sentAt.getTime() - clockSlackMs
    if (page.nextStart === null || passed) return null
    start = page.nextStart
  }
  return null
}
