import { z } from 'zod'
import { maskPhone } from '../db/calls.ts'
import { branch, type FormTree } from './parse-form.ts'

const plain = (max: number) =>
  z
    .string()
    .max(max)
    // Postgres stores no NUL, and half a surrogate pair is no text.
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be plain text')
const digits = (max: number) => z.string().regex(new RegExp(`^\\d{0,${max}}$`), 'must be digits')

const Head = z.object({
  event: plain(100).min(1),
  /** Unix seconds of the sending. */
  ts: z
    .string()
    .regex(/^\d{1,12}$/, 'must be Unix seconds')
    .optional(),
})

/** ONVOXIMPLANTCALLEND's data (Bitrix24 sends all values as strings). */
const CallEnd = z.object({
  CALL_ID: plain(255).min(1),
  CALL_TYPE: digits(3).optional(),
  PHONE_NUMBER: plain(64).optional(),
  PORTAL_NUMBER: plain(255).optional(),
  PORTAL_USER_ID: digits(15).optional(),
  CALL_DURATION: digits(7).optional(),
  CALL_START_DATE: plain(64).optional(),
  CALL_FAILED_CODE: plain(32).optional(),
  CRM_ACTIVITY_ID: digits(15).optional(),
})

const ActivityEvent = z.object({ ID: z.string().regex(/^[1-9]\d{0,14}$/, 'must be digits') })

export interface CallEndFacts {
  readonly callRef: string
  readonly type: string | undefined
  readonly direction: 'in' | 'out' | undefined
  readonly phone: string | undefined
  readonly line: string | undefined
  readonly userId: string | undefined
  readonly durationSeconds: number | undefined
  readonly startedAt: Date | undefined
  readonly failedCode: string | undefined
  readonly activityId: string | undefined
}

export type ReadEvent =
  | {
      readonly kind: 'call-end'
      readonly event: string
      readonly sentAt: Date | null
      readonly call: CallEndFacts
      readonly masked: Record<string, unknown>
    }
  | {
      readonly kind: 'activity'
      readonly event: string
      readonly sentAt: Date | null
      readonly activityId: string
      readonly masked: Record<string, unknown>
    }
  | {
      readonly kind: 'other'
      readonly event: string
      readonly sentAt: Date | null
      readonly masked: Record<string, unknown>
    }
  | {
      readonly kind: 'invalid'
      readonly event: string | null
      readonly problem: string
      readonly masked: Record<string, unknown>
    }

const directions: Readonly<Record<string, 'in' | 'out'>> = { '1': 'out', '2': 'in', '3': 'in', '4': 'out' }

/** Reads an event by its shape. Names are compared without regard to case: Bitrix24's own pages spell them in two ways. */
export function readEvent(form: FormTree): ReadEvent {
  const head = Head.safeParse(form)
  if (!head.success) return invalid(null, head.error)
  const event = head.data.event.toUpperCase()
  const sentAt = head.data.ts === undefined ? null : new Date(Number(head.data.ts) * 1000)
  const data = branch(form, 'data')
  if (event === 'ONVOXIMPLANTCALLEND') {
    const read = CallEnd.safeParse(data)
    if (!read.success) return invalid(event, read.error)
    const call = callFacts(read.data)
    return { kind: 'call-end', event, sentAt, call, masked: maskCall(event, sentAt, call) }
  }
  if (event === 'ONCRMACTIVITYADD' || event === 'ONCRMACTIVITYUPDATE') {
    const read = ActivityEvent.safeParse(branch(data, 'FIELDS'))
    if (!read.success) return invalid(event, read.error)
    return {
      kind: 'activity',
      event,
      sentAt,
      activityId: read.data.ID,
      masked: { event, sentAt, activityId: read.data.ID },
    }
  }
  return { kind: 'other', event, sentAt, masked: { event, sentAt } }
}

function invalid(event: string | null, error: z.ZodError): ReadEvent {
  const problem = error.issues
    .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
    .slice(0, 500)
  return { kind: 'invalid', event, problem, masked: { event, problem } }
}

function callFacts(data: z.output<typeof CallEnd>): CallEndFacts {
  return {
    callRef: data.CALL_ID,
    type: known(data.CALL_TYPE),
    direction: directions[data.CALL_TYPE ?? ''],
    phone: known(data.PHONE_NUMBER),
    line: known(data.PORTAL_NUMBER),
    userId: known(data.PORTAL_USER_ID),
    durationSeconds: known(data.CALL_DURATION) === undefined ? undefined : Number(data.CALL_DURATION),
    startedAt: readDate(data.CALL_START_DATE),
    failedCode: known(data.CALL_FAILED_CODE),
    activityId: known(data.CRM_ACTIVITY_ID?.replace(/^0+/, '')),
  }
}

function known(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}

/** A date nobody can mean is as good as none: what counts is the call. */
function readDate(value: string | undefined): Date | undefined {
  const ms = Date.parse(value ?? '')
  return ms > Date.UTC(2000, 0) && ms < Date.UTC(2100, 0) ? new Date(ms) : undefined
}

function maskCall(event: string, sentAt: Date | null, call: CallEndFacts): Record<string, unknown> {
  return { event, sentAt, ...call, phone: maskPhone(call.phone ?? null) }
}
