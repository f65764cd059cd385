import { portalTime } from '../event.ts'
import type { Call } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { compare, listReply, matches, splitFilter } from './filters.ts'
import { isRecord, nested, readPage } from './shared.ts'

/** The row with its link to the recording, which costs a signature and is therefore made for the rows of a page only. */
function linkedRow({ world, portal }: Context, row: Record<string, unknown>): Record<string, unknown> {
  const fileId = row['RECORD_FILE_ID']
  return typeof fileId === 'number' ? { ...row, CALL_RECORD_URL: world.signFile(portal, fileId) } : row
}

/** A row of voximplant.statistic.get: upper case, values mostly strings, the recording only once it is there. */
function statisticRow(call: Call, now: number): Record<string, unknown> {
  const file = call.file && call.file.availableAt <= now ? call.file : undefined
  return {
    ID: String(call.statisticId),
    PORTAL_USER_ID: String(call.userId),
    PORTAL_NUMBER: call.line,
    PHONE_NUMBER: call.phone,
    CALL_ID: call.callId,
    EXTERNAL_CALL_ID: null,
    CALL_CATEGORY: 'external',
    CALL_DURATION: String(call.durationSeconds),
    CALL_START_DATE: portalTime(call.startedAt),
    CALL_RECORD_URL: '',
    CALL_VOTE: '0',
    COST: '0.0000',
    COST_CURRENCY: 'RUR',
    CALL_FAILED_CODE: call.failedCode,
    CALL_FAILED_REASON: call.failedCode === '200' ? 'Success call' : 'Skipped call',
    CRM_ENTITY_TYPE: call.crmEntityType === '' ? null : call.crmEntityType,
    CRM_ENTITY_ID: call.crmEntityId === undefined ? null : String(call.crmEntityId),
    CRM_ACTIVITY_ID: call.activityId === undefined ? null : String(call.activityId),
    REST_APP_ID: null,
    REST_APP_NAME: 'SANDBOX',
    TRANSCRIPT_ID: call.transcript ? String(call.statisticId) : null,
    TRANSCRIPT_PENDING: 'N',
    SESSION_ID: String(call.statisticId),
    RECORD_DURATION: file ? String(call.durationSeconds) : null,
    RECORD_FILE_ID: file ? file.id : null,
    CALL_TYPE: String(call.type),
  }
}

/** Calls that an equality filter names outright are found without looking at all the others. */
function candidates(context: Context, filter: Record<string, unknown>): readonly Call[] {
  const byCall = filter['CALL_ID'] ?? filter['=CALL_ID']
  if (typeof byCall === 'string') {
    const call = context.portal.callsById.get(byCall)
    return call ? [call] : []
  }
  const byActivity = filter['CRM_ACTIVITY_ID'] ?? filter['=CRM_ACTIVITY_ID']
  if (typeof byActivity === 'string' || typeof byActivity === 'number') {
    const call = context.portal.activities.get(Number(byActivity))?.call
    return call ? [call] : []
  }
  const above = Number(filter['>ID'])
  return Number.isFinite(above) ? context.portal.calls.filter((call) => call.statisticId > above) : context.portal.calls
}

const statisticFields = /^(ID|PORTAL_|PHONE_|CALL_|EXTERNAL_|COST|CRM_|REST_|TRANSCRIPT_|SESSION_|RECORD_)/

const statistics: Route = {
  name: 'calls.statistics',
  method: 'GET',
  path: '/calls/statistics',
  family: 'portal',
  scope: 'call',
  run(context) {
    const { query, portal } = context
    const page = readPage(query.get('limit') ?? undefined, query.get('offset') ?? query.get('start') ?? undefined)
    if ('status' in page) return page
    const filter = portal.switches.statisticsFilter === 'ignored' ? {} : nested(query, 'filter')
    const conditions = splitFilter(filter)
    const unknown = conditions.find(({ field }) => !statisticFields.test(field))
    if (unknown) return fail(400, 'INVALID_FILTER_FIELD', `calls/statistics cannot be filtered by ${unknown.field}`)
    const sort = query.get('sort') ?? 'ID'
    if (!statisticFields.test(sort))
      return fail(400, 'UNKNOWN_SORT_FIELD', `calls/statistics cannot be sorted by ${sort}`)
    const down = (query.get('order') ?? 'ASC').toUpperCase() === 'DESC'
    const rows = candidates(context, filter)
      .map((call) => statisticRow(call, context.now))
      .filter((row) => matches(row, conditions))
      .sort((left, right) => compare(left[sort], right[sort]) * (down ? -1 : 1))
    const shown = rows.slice(page.offset, page.offset + page.limit).map((row) => linkedRow(context, row))
    return listReply(context, shown, rows.length, page)
  },
}

/** MESSAGES of telephony.call.attachTranscription: who said what, from and to which second. */
function refuseDialogue(messages: readonly unknown[]): Reply | undefined {
  if (messages.length === 0) return fail(400, 'INVALID_PARAMS', 'messages must not be empty')
  for (const [index, message] of messages.entries()) {
    const at = isRecord(message) ? message : {}
    const good =
      (at['SIDE'] === 'User' || at['SIDE'] === 'Client') &&
      Number.isInteger(at['START_TIME']) &&
      Number(at['START_TIME']) >= 0 &&
      Number.isInteger(at['STOP_TIME']) &&
      Number(at['STOP_TIME']) >= 1 &&
      typeof at['MESSAGE'] === 'string' &&
      at['MESSAGE'] !== ''
    if (!good)
      return fail(400, 'INVALID_PARAMS', `message ${index} needs SIDE (User or Client), START_TIME, STOP_TIME, MESSAGE`)
  }
  return undefined
}

function attachTranscript(context: Context, callId: string, form: 'callId' | 'plain') {
  const { portal, body } = context
  const allowed = portal.switches.transcriptRoute
  if (allowed !== 'both' && allowed !== form) return fail(404, 'NOT_FOUND', 'Route not found')
  const call = portal.callsById.get(callId)
  if (!call) return fail(404, 'ENTITY_NOT_FOUND', `There is no call ${callId}`)
  const content = isRecord(body) ? (body['content'] ?? body['messages']) : undefined
  if (content === undefined)
    return fail(400, 'INVALID_PARAMS', form === 'callId' ? 'content is required' : 'messages is required')
  const wrong = Array.isArray(content) ? refuseDialogue(content) : undefined
  if (wrong) return wrong
  call.transcript = content
  context.effect('transcript', { callId, content })
  return ok({ transcriptId: call.statisticId })
}

export const callRoutes: readonly Route[] = [
  statistics,
  {
    name: 'calls.transcription.plain',
    method: 'POST',
    path: '/calls/transcription',
    family: 'portal',
    scope: 'call',
    run: (context) =>
      attachTranscript(context, isRecord(context.body) ? String(context.body['callId'] ?? '') : '', 'plain'),
  },
  {
    name: 'calls.transcription',
    method: 'POST',
    path: '/calls/:callId/transcription',
    family: 'portal',
    scope: 'call',
    run: (context) => attachTranscript(context, context.params['callId'] ?? '', 'callId'),
  },
]
