import { z } from 'zod'
import { inEitherCase, listEnvelope, optionalId, optionalInteger, optionalText, wireId } from './values.ts'

const entityTypes: Readonly<Record<string, number>> = { LEAD: 1, CONTACT: 3, COMPANY: 4 }

/** One row of the call statistic (`voximplant.statistic.get`): UPPER_CASE keys, most values strings. */
export const callRecord = inEitherCase(
  z.object({
    id: wireId,
    callId: optionalText,
    /** 1 out, 2 in, 3 redirected, 4 callback, 5 info call. */
    callType: optionalInteger,
    callDuration: optionalInteger,
    callStartDate: optionalText,
    callRecordUrl: optionalText,
    callFailedCode: optionalText,
    callFailedReason: optionalText,
    phoneNumber: optionalText,
    portalNumber: optionalText,
    portalUserId: optionalId,
    crmActivityId: optionalId,
    crmEntityType: optionalText,
    crmEntityId: optionalId,
    recordFileId: optionalId,
    recordDuration: optionalInteger,
    transcriptId: optionalText,
  }),
).transform((row) => ({
  id: row.id,
  callId: row.callId,
  callType: row.callType,
  durationSeconds: row.callDuration,
  /** ISO 8601, with the portal's offset. */
  startedAt: row.callStartDate,
  failedCode: row.callFailedCode,
  failedReason: row.callFailedReason,
  phoneNumber: row.phoneNumber,
  portalNumber: row.portalNumber,
  portalUserId: row.portalUserId,
  activityId: row.crmActivityId,
  /** Lead, contact or company: the statistic never names a deal. */
  entityTypeId: entityTypes[row.crmEntityType?.toUpperCase() ?? ''] ?? null,
  entityId: row.crmEntityId,
  /** Id of the recording on the portal's disk; null while it is not there yet. */
  recordFileId: row.recordFileId,
  /** Holds a secret: for fetching at once, never to be stored or logged. */
  recordUrl: row.callRecordUrl,
  recordSeconds: row.recordDuration,
  /** Of the transcript that stands in the call's card; null = none yet. */
  transcriptId: row.transcriptId,
}))
export const callsResponse = listEnvelope(callRecord)
export type CallRecord = z.infer<typeof callRecord>
