/** A call as some source told it: an event, the robot, our API, reconcile. All but the portal may be unknown. */
export interface IncomingCall {
  readonly portalId: string
  readonly source: 'event' | 'robot' | 'api' | 'reconcile' | 'backfill'
  /** The event's own name, e.g. `ONVOXIMPLANTCALLEND`. */
  readonly event?: string
  readonly callRef?: string
  readonly activityId?: string
  readonly idempotencyKey?: string
  /** sha256 of an uploaded recording, hex. */
  readonly audioSha256?: string
  readonly uploadId?: string
  readonly recordingUrl?: string
  readonly direction?: 'in' | 'out'
  readonly phone?: string
  readonly line?: string
  readonly userId?: string
  readonly durationSeconds?: number
  readonly startedAt?: Date
  /** Where the entry shall go: 1 lead, 2 deal, 3 contact, 4 company; found by locate when not told. */
  readonly entityTypeId?: number
  readonly entityId?: string
  /** Runs everything, shows the entry, writes nothing. */
  readonly dryRun?: boolean
  /** Ends with the transcript; nothing is judged or written. Never the same call as one that is to be judged. */
  readonly transcriptOnly?: boolean
  /** The delivery as it is kept for the Deliveries page: no tokens, phone numbers shortened. */
  readonly masked: Record<string, unknown>
}

/**
 * The names under which one call may come in, strongest first. Every one that is known is claimed, so that a later delivery
 * by another source is seen as the same call.
 */
export function identitiesOf(call: IncomingCall): string[] {
  const names: string[] = []
  if (call.callRef !== undefined) names.push(`${call.portalId}|call|${call.callRef}`)
  if (call.activityId !== undefined) names.push(`${call.portalId}|activity|${call.activityId}`)
  if (names.length > 0) return names
  if (call.idempotencyKey !== undefined) return [`${call.portalId}|key|${call.idempotencyKey}`]
  const entity = `${call.entityTypeId ?? ''}:${call.entityId ?? ''}`
  if (call.audioSha256 !== undefined && call.transcriptOnly === true)
    return [`${call.portalId}|transcript|${call.audioSha256}`]
  if (call.audioSha256 !== undefined) return [`${call.portalId}|audio|${call.audioSha256}|${entity}`]
  if (call.recordingUrl !== undefined) return [`${call.portalId}|url|${call.recordingUrl}|${entity}`]
  return []
}
