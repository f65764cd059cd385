import { z } from 'zod'
import type { App } from '../context.ts'
import { type Cause, listCausesInFull, markCause, unmarkCause } from '../db/causes.ts'
import { classTexts, describeClass } from '../wire/class-text.ts'
import { defineOperation, OperationError } from './operation.ts'

const Class = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\w.:-]+$/, 'must be a class, such as ai_provider_timeout')

/** What somebody can do about it: nothing, retry, or mend it first and then go on. */
export type CauseAction = 'wait' | 'retry' | 'fix'

const CauseShape = z.object({
  class: z.string(),
  exhausted: z.boolean(),
  standing: z.enum(['parked', 'blocked', 'waiting']),
  step: z.string(),
  calls: z.number(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
  nextDueAt: z.iso.datetime().nullable(),
  title: z.string(),
  mend: z.string(),
  message: z.string().nullable(),
  httpStatus: z.number().nullable(),
  requestId: z.string().nullable(),
  callId: z.string().nullable(),
  action: z.enum(['wait', 'retry', 'fix']),
  status: z.enum(['open', 'resolved', 'ignored', 'regressed']),
  markedAt: z.iso.datetime().nullable(),
  markedBy: z.string().nullable(),
  ignoredUntil: z.iso.datetime().nullable(),
  since: z.number(),
})

function actionOf(cause: Cause): CauseAction {
  if (cause.standing !== 'parked') return 'wait'
  return cause.exhausted ? 'retry' : actionOfParked(cause)
}

/** Of what is parked: whether a repetition is worth it as it stands, or something has to be mended first. */
export function actionOfParked(parked: { class: string | null; policy: string | null }): 'retry' | 'fix' {
  return parked.policy === 'fix' && parked.class !== 'exhausted' ? 'fix' : 'retry'
}

/** What fails again after it was called mended was not: it is shown as that, above all others. */
function statusOf(cause: Cause): 'open' | 'resolved' | 'ignored' | 'regressed' {
  if (cause.mark === null) return 'open'
  if (cause.mark === 'ignored') return 'ignored'
  return cause.since > 0 ? 'regressed' : 'resolved'
}

export async function readCauseList(app: App) {
  const causes = (await listCausesInFull(app.db)).map(({ policy, hint, mark, ...cause }) => {
    const text = describeClass(cause.class)
    const known = Object.hasOwn(classTexts, cause.class)
    return {
      ...cause,
      title: known ? text.title : (cause.message ?? text.title),
      // What is tried again by itself is no more, once its attempts are used up.
      mend: cause.exhausted ? describeClass('exhausted').mend : known ? text.mend : (hint ?? text.mend),
      action: actionOf({ ...cause, policy, hint, mark }),
      status: statusOf({ ...cause, policy, hint, mark }),
    }
  })
  const weight = { regressed: 0, open: 1, ignored: 2, resolved: 3 }
  return causes.sort((one, other) => weight[one.status] - weight[other.status])
}
export type CauseLine = Awaited<ReturnType<typeof readCauseList>>[number]

export const causeList = defineOperation({
  name: 'cause.list',
  summary: 'Why calls stand still: by cause and step, with how many, since when, and the one sensible action.',
  input: z.strictObject({}),
  output: z.object({ causes: z.array(CauseShape) }),
  run: async (app) => ({ causes: await readCauseList(app) }),
})

export const causeResolve = defineOperation({
  name: 'cause.resolve',
  summary: 'Says that a cause is mended; a failure after that shows as a regression.',
  input: z.strictObject({ class: Class }),
  audit: (input) => ({ subject: `cause ${input.class}` }),
  run: async (app, input, caller) => {
    await markCause(app.db, { class: input.class, state: 'resolved', until: null, actor: caller.actor })
    return { class: input.class, status: 'resolved' }
  },
})

export const causeIgnore = defineOperation({
  name: 'cause.ignore',
  summary: 'Puts a cause out of sight for so many hours.',
  input: z.strictObject({
    class: Class,
    hours: z.coerce
      .number()
      .min(1)
      .max(24 * 90),
  }),
  audit: (input) => ({ subject: `cause ${input.class}`, detail: { hours: input.hours } }),
  run: async (app, input, caller) => {
    const until = new Date(Date.now() + input.hours * 3_600_000)
    await markCause(app.db, { class: input.class, state: 'ignored', until, actor: caller.actor })
    return { class: input.class, status: 'ignored', until }
  },
})

export const causeReopen = defineOperation({
  name: 'cause.reopen',
  summary: 'Takes "resolved" or "ignored" back.',
  input: z.strictObject({ class: Class }),
  audit: (input) => ({ subject: `cause ${input.class}` }),
  run: async (app, input) => {
    if (await unmarkCause(app.db, input.class)) return { class: input.class, status: 'open' }
    throw new OperationError(
      'not_marked',
      404,
      `Nothing was decided about ${input.class}.`,
      'There is nothing to take back.',
    )
  },
})
