import { Permanent } from '../errors.ts'
import {
  type Binding,
  bindingsResponse,
  entityTypeName,
  type TimelineEntry,
  timelineEntryResponse,
  timelineListResponse,
} from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'
import type { UpstreamTraits } from './traits.ts'

const route = '/v1/timeline-logs'
/** The underlying method's page; it takes no other. */
export const timelinePageSize = 10

export interface TimelineResource {
  /**
   * Writes one entry, once: never repeated here after anything but a plain refusal of a field. Errors for which
   * `isInDoubt` holds may have written it.
   */
  create(entry: {
    entityTypeId: number
    entityId: number
    title: string
    text: string
  }): Promise<TimelineEntry & { requestId: string | null }>
  /** Shows an entry in a further record as well. One that is shown there already is no error. */
  bind(entryId: string, to: { entityTypeId: number; entityId: number }): Promise<void>
  /** Where an entry is shown. */
  bindings(entryId: string): Promise<Binding[]>
  /** One page of entries, newest first; `nextStart` is null on the last one. */
  list(query: { entityTypeId: number; entityId: number; start?: number }): Promise<TimelinePage>
}

export interface TimelinePage {
  readonly entries: TimelineEntry[]
  readonly nextStart: number | null
  readonly total: number | null
  /** False when the upstream ignored the order: then "older than" ends no search, all pages must be read. */
  readonly newestFirst: boolean
}

type FieldChoice = UpstreamTraits['timelineFields']

export function createTimeline(
  requester: Requester,
  durations: ClientDurations,
  traits: UpstreamTraits,
): TimelineResource {
  /** Sends with both names of the type field, and with the other one alone where one of them is refused. */
  async function inSomeForm<Value>(attempt: (choice: FieldChoice) => Promise<Value>): Promise<Value> {
    const tried = new Set<FieldChoice>()
    let choice = traits.timelineFields
    for (;;) {
      tried.add(choice)
      try {
        return await attempt(choice)
      } catch (error) {
        const other = otherChoice(error, choice)
        if (other === undefined || tried.has(other)) throw error
        choice = other
      }
    }
  }

  return {
    async create(entry) {
      return await inSomeForm(async (choice) => {
        const answer = await requester.json({
          method: 'POST',
          path: '/timeline-logs',
          route,
          json: { ...ownerBody(entry, choice), title: entry.title, text: entry.text },
          plan: { family: 'crm', fenced: true },
          repeatable: false,
          fresh: true,
          deadlineMs: durations.writeMs,
        })
        traits.timelineFields = choice
        const written = readShape(timelineEntryResponse, answer, `POST ${route}`).data
        return { ...written, requestId: answer.requestId ?? null }
      })
    },
    async bind(entryId, to) {
      await inSomeForm(async (choice) => {
        try {
          await requester.json({
            method: 'POST',
            path: `/timeline-logs/${entryId}/bind`,
            route: `${route}/:id/bind`,
            json: ownerBody(to, choice),
            plan: { family: 'crm', fenced: true },
            repeatable: false,
            fresh: true,
            deadlineMs: durations.writeMs,
          })
        } catch (error) {
          if (failureOf(error)?.httpStatus !== 409) throw error
        }
      })
    },
    async bindings(entryId) {
      const answer = await requester.json({
        method: 'GET',
        path: `/timeline-logs/${entryId}/bindings`,
        route: `${route}/:id/bindings`,
        plan: { family: 'crm' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      return readShape(bindingsResponse, answer, `GET ${route}/:id/bindings`).data
    },
    async list({ entityTypeId, entityId, start = 0 }) {
      const answer = await requester.json({
        method: 'GET',
        path: '/timeline-logs',
        route,
        query: { entityTypeId, entityId, 'order[id]': 'desc', start },
        plan: { family: 'crm' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      const page = readShape(timelineListResponse, answer, `GET ${route}`)
      const entries = page.data
      const more =
        page.hasMore ?? (page.total === null ? entries.length >= timelinePageSize : start + entries.length < page.total)
      return {
        entries,
        nextStart: more && entries.length > 0 ? start + entries.length : null,
        total: page.total,
        newestFirst: entries.every((entry, index) => index === 0 || entry.id < (entries[index - 1]?.id ?? 0)),
      }
    },
  }
}

/** The API's pages disagree about the type field's name (`deal` or 2): both are sent until one is refused. */
function ownerBody(owner: { entityTypeId: number; entityId: number }, choice: FieldChoice) {
  const entityType = entityTypeName(owner.entityTypeId)
  if (entityType === undefined) {
    throw new Permanent('unknown_entity_type', {
      message: `The timeline of CRM records of type ${owner.entityTypeId} cannot be written (record ${owner.entityId}).`,
      hint: 'Assign the call to a lead, deal, contact or company.',
    })
  }
  return {
    ...(choice === 'entityTypeId' ? {} : { entityType }),
    ...(choice === 'entityType' ? {} : { entityTypeId: owner.entityTypeId }),
    entityId: owner.entityId,
  }
}

/**
 * A 400 is a definite refusal, so a second POST is safe. Of two fields sent, the one it names first is the one it does
 * not want; where one was sent alone, being named means that the other is wanted.
 */
function otherChoice(error: unknown, sent: FieldChoice): FieldChoice | undefined {
  const failure = failureOf(error)
  if (failure?.httpStatus !== 400) return undefined
  const named = /\bentityType(Id)?\b/.exec(`${failure.message} ${failure.hint}`)
  if (named === null) return undefined
  const unwanted = sent === 'both' ? named[0] : sent
  return unwanted === 'entityType' ? 'entityTypeId' : 'entityType'
}
