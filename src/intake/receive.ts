import type { Config } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { isActivityKnown } from '../db/deliveries.ts'
import { notePortalEvent, type Portal } from '../db/portals.ts'
import { keepRefused } from './accept-calls.ts'
import type { Batcher } from './batcher.ts'
import type { IncomingCall } from './incoming-call.ts'
import { branch, type FormTree, leaf } from './parse-form.ts'
import type { PortalDirectory } from './portal-directory.ts'
import { type CallEndFacts, readEvent } from './read-event.ts'
import { whyIgnored } from './relevance.ts'
import { readRobot } from './robot.ts'

/** How a delivery ended; `refused` ones changed nothing. */
export type Received =
  | { readonly outcome: 'accepted' | 'duplicate'; readonly callId: string }
  | { readonly outcome: 'ignored'; readonly reason: string }
  | { readonly outcome: 'refused'; readonly reason: 'invalid_event' | 'invalid_robot'; readonly problem: string }
  | { readonly outcome: 'unknown_sender' }
  /** A real portal's delivery to a sandbox: it must not look as if somebody had taken care of it. */
  | { readonly outcome: 'sandbox' }

export interface ReceiverDeps {
  readonly db: Database
  readonly config: Pick<Config, 'mode' | 'minSeconds'>
  readonly intake: Batcher
  readonly directory: PortalDirectory
  /** Something was taken in: the dispatcher should look. */
  readonly kick: () => void
  /** ms since 1970. */
  readonly now: () => number
}

export interface Receiver {
  event(form: FormTree, address: string): Promise<Received>
  robot(secret: string, form: FormTree, address: string): Promise<Received>
}

/** Deliveries of unknown senders that are kept a minute: enough to see that somebody tries, too few to fill a disk. */
const strangersPerMinute = 10

export function createReceiver(deps: ReceiverDeps): Receiver {
  const { db, config, intake, directory, now } = deps
  let minute = 0
  let strangers = 0
  const notedAt = new Map<string, number>()

  const keepStranger = async (
    source: string,
    event: string | null,
    address: string,
    portalId: string | null,
    reason: 'wrong_token' | 'unknown_member' | 'wrong_robot_secret',
  ): Promise<void> => {
    const current = Math.floor(now() / 60_000)
    if (current !== minute) {
      minute = current
      strangers = 0
    }
    strangers += 1
    if (strangers > strangersPerMinute) return
    const masked = {
      event,
      address,
      note: strangers === strangersPerMinute ? 'further ones of this minute are not kept' : undefined,
    }
    // The sender is refused whether or not this can be kept.
    await keepRefused(db, {
      portalId,
      source,
      event,
      outcome: 'refused',
      reason,
      masked,
    }).catch(() => undefined)
  }

  const keep = async (
    portal: Portal,
    kept: {
      source: 'event' | 'robot'
      event: string | null
      outcome: 'ignored' | 'refused'
      reason: string
      masked: Record<string, unknown>
    },
  ): Promise<void> => {
    await keepRefused(db, { portalId: portal.id, ...kept })
    if (now() - (notedAt.get(portal.id) ?? 0) < 10_000) return
    notedAt.set(portal.id, now())
    await notePortalEvent(db, portal.id)
  }

  const accept = async (call: IncomingCall): Promise<Received> => {
    const { outcome, callId } = await intake.accept(call)
    deps.kick()
    return outcome === 'erased' ? { outcome: 'ignored', reason: 'erased' } : { outcome, callId }
  }

  return {
    event: async (form, address) => {
      const auth = branch(form, 'auth')
      const { portal, sandbox, memberOf } = await directory.verify(
        leaf(auth, 'application_token'),
        leaf(auth, 'member_id'),
      )
      if (config.mode !== 'live' && !sandbox) return { outcome: 'sandbox' }
      if (portal === null) {
        const reason = memberOf === null ? 'unknown_member' : 'wrong_token'
        await keepStranger('event', storable(leaf(form, 'event')), address, memberOf, reason)
        return { outcome: 'unknown_sender' }
      }
      const read = readEvent(form)
      const ignore = async (reason: string): Promise<Received> => {
        await keep(portal, { source: 'event', event: read.event, outcome: 'ignored', reason, masked: read.masked })
        return { outcome: 'ignored', reason }
      }
      switch (read.kind) {
        case 'invalid':
          await keep(portal, {
            source: 'event',
            event: read.event,
            outcome: 'refused',
            reason: 'invalid_event',
            masked: read.masked,
          })
          return { outcome: 'refused', reason: 'invalid_event', problem: read.problem }
        case 'other':
          return await ignore('event_not_used')
        case 'activity':
          if (!(await isActivityKnown(db, portal.id, read.activityId))) return await ignore('unknown_activity')
          return await accept({
            portalId: portal.id,
            source: 'event',
            event: read.event,
            activityId: read.activityId,
            masked: read.masked,
          })
        case 'call-end': {
          const reason = whyIgnored(read.call, {
            sentAt: read.sentAt,
            now: now(),
            minSeconds: config.minSeconds,
            settings: portal.settings,
          })
          if (reason !== null) return await ignore(reason)
          return await accept({ ...incoming(portal.id, read.call), event: read.event, masked: read.masked })
        }
      }
    },

    robot: async (secret, form, address) => {
      const portal = await directory.verifyRobot(secret)
      if (config.mode !== 'live' && portal !== null && !portal.sandbox) return { outcome: 'sandbox' }
      if (portal === null) {
        await keepStranger('robot', null, address, null, 'wrong_robot_secret')
        return { outcome: 'unknown_sender' }
      }
      const read = readRobot(form)
      if ('problem' in read) {
        await keep(portal, {
          source: 'robot',
          event: null,
          outcome: 'refused',
          reason: 'invalid_robot',
          masked: { problem: read.problem },
        })
        return { outcome: 'refused', reason: 'invalid_robot', problem: read.problem }
      }
      return await accept({ portalId: portal.id, source: 'robot', ...read.call, masked: { ...read.call } })
    },
  }
}

function incoming(portalId: string, call: CallEndFacts): Omit<IncomingCall, 'masked'> {
  return {
    portalId,
    source: 'event',
    callRef: call.callRef,
    ...(call.activityId === undefined ? {} : { activityId: call.activityId }),
    ...(call.direction === undefined ? {} : { direction: call.direction }),
    ...(call.phone === undefined ? {} : { phone: call.phone }),
    ...(call.line === undefined ? {} : { line: call.line }),
    ...(call.userId === undefined ? {} : { userId: call.userId }),
    ...(call.durationSeconds === undefined ? {} : { durationSeconds: call.durationSeconds }),
    ...(call.startedAt === undefined ? {} : { startedAt: call.startedAt }),
  }
}

/** A stranger's word, cut to what a row may hold. */
function storable(value: string | undefined): string | null {
  return value === undefined ? null : value.replaceAll('\0', '').toWellFormed().slice(0, 60)
}
