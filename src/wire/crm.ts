import { z } from 'zod'
import { cleanSpeech } from './clean-speech.ts'
import { envelope, inEitherCase, listEnvelope, optionalId, optionalInteger, optionalText, wireId } from './values.ts'

/** CRM type ids the timeline and bindings speak in. */
export const entityTypeIds = { lead: 1, deal: 2, contact: 3, company: 4 } as const
export type EntityTypeName = keyof typeof entityTypeIds

/** `2` → `deal`; undefined for types this program writes nothing to. */
export function entityTypeName(typeId: number): EntityTypeName | undefined {
  return (Object.keys(entityTypeIds) as EntityTypeName[]).find((name) => entityTypeIds[name] === typeId)
}

const activityFile = inEitherCase(z.object({ id: wireId, url: optionalText }))

/** One CRM activity; its keys come in camelCase or UPPER_CASE. */
export const activity = inEitherCase(
  z.object({
    id: wireId,
    ownerTypeId: optionalId,
    ownerId: optionalId,
    typeId: optionalInteger,
    providerId: optionalText,
    providerTypeId: optionalText,
    /** 1 incoming, 2 outgoing. */
    direction: optionalInteger,
    responsibleId: optionalId,
    subject: optionalText,
    originId: optionalText,
    startTime: optionalText,
    endTime: optionalText,
    files: z.array(activityFile).catch([]),
  }),
)
export const activityResponse = envelope(activity)
export type Activity = z.infer<typeof activity>

export const binding = inEitherCase(z.object({ entityTypeId: wireId, entityId: wireId }))
export const bindingsResponse = listEnvelope(binding)
export type Binding = z.infer<typeof binding>

/** Deals, leads, contacts and companies: what we use by name, everything else (also user fields) kept as it came. */
const entity = inEitherCase(
  z.looseObject({
    id: wireId,
    title: optionalText,
    name: optionalText,
    lastName: optionalText,
    statusId: optionalText,
    stageId: optionalText,
    /** Deals: 'Y' or 'N'. */
    closed: z.union([z.string(), z.boolean()]).nullish().catch(null),
    contactId: optionalId,
    companyId: optionalId,
    leadId: optionalId,
    assignedById: optionalId,
    createdTime: optionalText,
  }),
)
export const entityResponse = envelope(entity)
export const entitiesResponse = listEnvelope(entity)
export type CrmEntity = z.infer<typeof entity>

export const timelineEntry = inEitherCase(
  z.object({ id: wireId, created: optionalText, authorId: optionalId, title: optionalText, text: optionalText }),
)
export const timelineEntryResponse = envelope(timelineEntry)
export const timelineListResponse = listEnvelope(timelineEntry)
export type TimelineEntry = z.infer<typeof timelineEntry>

/** What a person wrote into a record's timeline. */
const timelineComment = inEitherCase(z.object({ id: wireId, comment: optionalText, created: optionalText }))
export const commentListResponse = listEnvelope(timelineComment)
export type TimelineComment = z.infer<typeof timelineComment>

/** What the portal's own call processing heard; null where it has not been at the call. */
export const transcriptResponse = envelope(
  z.preprocess(
    (value) => value ?? { transcription: null },
    inEitherCase(
      z.object({ transcription: optionalText.transform((text) => (text === null ? null : cleanSpeech(text))) }),
    ),
  ),
)
