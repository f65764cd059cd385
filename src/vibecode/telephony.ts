import { type CallRecord, callsResponse } from '../wire/telephony.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const route = '/v1/calls/statistics'

export type CallQuery =
  | { readonly callId: string }
  | { readonly activityId: number }
  | {
      /** Calls that began after this. */
      readonly since: Date
      readonly before?: Date
      /** Rows above this statistic id: pages of a full scan do not shift when calls come in meanwhile. */
      readonly afterId?: number
    }

export interface CallPage {
  readonly calls: CallRecord[]
  readonly hasMore: boolean
  /** Offset of the next page; null on the last one. With `since`, prefer `afterId` = the last row's id. */
  readonly nextOffset: number | null
  readonly total: number | null
  /** Of the last row as it came, also where that row was not asked for. */
  readonly lastId: number | null
}

/** One turn of a dialogue, as `telephony.call.attachTranscription` takes it: `User` is the portal's side, times in whole seconds. */
export interface DialogueMessage {
  readonly SIDE: 'User' | 'Client'
  readonly START_TIME: number
  readonly STOP_TIME: number
  readonly MESSAGE: string
}

export interface TelephonyResource {
  /** Puts a dialogue into the card of a finished call. A call takes one: look first whether it has it (`transcriptId`). */
  attachDialogue(callId: string, messages: readonly DialogueMessage[]): Promise<void>

  /** One page of the call statistic: by `since` in ascending id, otherwise newest first. Page size 50 unless told. */
  listCalls(query: CallQuery, page?: { limit?: number; offset?: number }): Promise<CallPage>
}

export function createTelephony(requester: Requester, durations: ClientDurations): TelephonyResource {
  const attach = async (path: string, attachRoute: string, json: unknown) => {
    await requester.json({
      method: 'POST',
      path,
      route: attachRoute,
      json,
      plan: { family: 'portal', fenced: true },
      repeatable: false,
      fresh: true,
      deadlineMs: durations.writeMs,
    })
  }
  return {
    async attachDialogue(callId, messages) {
      const path = `/calls/${encodeURIComponent(callId)}/transcription`
      try {
        await attach(path, '/v1/calls/:callId/transcription', { content: messages })
      } catch (error) {
        // Documents and clients know two routes. A route that is not there is a definite refusal, so the other one is safe.
        const { httpStatus, code } = failureOf(error) ?? {}
        if (httpStatus !== 405 && (httpStatus !== 404 || /entity/i.test(code ?? ''))) throw error
        await attach('/calls/transcription', '/v1/calls/transcription', { callId, messages })
      }
    },
    async listCalls(query, { limit = 50, offset = 0 } = {}) {
      const answer = await requester.json({
        method: 'GET',
        path: '/calls/statistics',
        route,
        query: { ...filterOf(query), limit, ...(offset === 0 ? {} : { offset }) },
        plan: { family: 'portal' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      const page = readShape(callsResponse, answer, `GET ${route}`)
      const read = offset + page.data.length
      const hasMore =
        page.data.length > 0 && (page.hasMore ?? (page.total === null ? page.data.length >= limit : read < page.total))
      return {
        calls: page.data.filter((call) => answers(call, query)),
        hasMore,
        nextOffset: hasMore ? read : null,
        total: page.total,
        lastId: page.data.at(-1)?.id ?? null,
      }
    },
  }
}

function filterOf(query: CallQuery): Record<string, string | number | undefined> {
  const newest = { sort: 'ID', order: 'DESC' }
  if ('callId' in query) return { 'filter[CALL_ID]': query.callId, ...newest }
  if ('activityId' in query) return { 'filter[CRM_ACTIVITY_ID]': query.activityId, ...newest }
  return {
    'filter[>CALL_START_DATE]': query.since.toISOString(),
    'filter[<CALL_START_DATE]': query.before?.toISOString(),
    'filter[>ID]': query.afterId,
    sort: 'ID',
    order: 'ASC',
  }
}

/** Filters are asked for but not promised: a row that was not asked for would be another customer's recording. */
function answers(call: CallRecord, query: CallQuery): boolean {
  if ('callId' in query) return call.callId === null || call.callId === query.callId
  if ('activityId' in query) return call.activityId === null || call.activityId === query.activityId
  if (query.afterId !== undefined && call.id <= query.afterId) return false
  const startedMs = call.startedAt === null ? Number.NaN : Date.parse(call.startedAt)
  if (Number.isNaN(startedMs)) return true
  return startedMs >= query.since.getTime() && (query.before === undefined || startedMs <= query.before.getTime())
}
