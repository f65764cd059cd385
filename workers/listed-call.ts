import type { Config } from '../src/config.ts'
import { maskPhone } from '../src/db/calls.ts'
import type { Portal } from '../src/db/portals.ts'
import { directionOf, filterCall } from '../src/intake/filter-call.ts'
import type { IncomingCall } from '../src/intake/incoming-call.ts'
import type { CallRecord } from '../src/wire/telephony.ts'

/** Reads a row of the call statistic as a call to be taken in, or says why it is not one (the portal's filters, no name). */
export function readListedCall(
  row: CallRecord,
  portal: Portal,
  config: Config,
  source: 'reconcile' | 'backfill',
): { readonly call: IncomingCall } | { readonly reason: string } {
  if (row.callId === null) return { reason: 'no_call_id' }
  const userId = row.portalUserId?.toString() ?? null
  const direction = directionOf(row.callType)
  const reason = filterCall(
    {
      direction,
      callType: row.callType,
      durationSeconds: row.durationSeconds,
      failedCode: row.failedCode,
      line: row.portalNumber,
      userId,
    },
    portal.settings,
    config,
  )
  if (reason !== null) return { reason }
  return {
    call: {
      portalId: portal.id,
      source,
      callRef: row.callId,
      ...(row.activityId === null ? {} : { activityId: String(row.activityId) }),
      ...(direction === null ? {} : { direction }),
      ...(row.phoneNumber === null ? {} : { phone: row.phoneNumber }),
      ...(row.portalNumber === null ? {} : { line: row.portalNumber }),
      ...(userId === null ? {} : { userId }),
      ...(row.durationSeconds === null ? {} : { durationSeconds: row.durationSeconds }),
      ...(row.startedAt === null ? {} : { startedAt: new Date(row.startedAt) }),
      masked: { callId: row.callId, phone: maskPhone(row.phoneNumber) },
    },
  }
}
