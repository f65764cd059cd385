import { z } from 'zod'
import type { App } from '../context.ts'
import {
  addSchedule,
  changeSchedule,
  findSchedule,
  listSchedules,
  noteScheduleRun,
  removeSchedule,
  type Schedule,
} from '../db/schedules.ts'
import { nextTime } from '../engine/next-time.ts'
import { startSlot } from '../engine/schedules.ts'
import { readBatchInput } from './batches.ts'
import { defineOperation, OperationError } from './operation.ts'
import { needPortal } from './portals.ts'

const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, 'must be a-z, 0-9 and "-"')
const Cron = z.string().max(100)
const TimeZone = z.string().max(60)
const Input = z.record(z.string(), z.unknown())
const ByName = z.strictObject({ name: Name })
const audit = (input: { name: string }) => ({ subject: `schedule ${input.name}` })

async function needSchedule(app: App, name: string): Promise<Schedule> {
  const found = await findSchedule(app.db, name)
  if (found !== null) return found
  throw new OperationError('unknown_schedule', 404, `There is no schedule ${name}.`, 'See: callsift schedule list')
}

function dueNext(cron: string, timeZone: string): Date {
  try {
    return nextTime(cron, timeZone, new Date())
  } catch (error) {
    throw new OperationError(
      'invalid_cron',
      400,
      `"${cron}" in ${timeZone} names no moment: ${error instanceof Error ? error.message : String(error)}`,
      'Write five fields (minute hour day month weekday) and a time zone such as Europe/Moscow: --cron "0 3 * * *" --tz Europe/Moscow',
    )
  }
}

const verbOf = (app: App, schedule: Schedule) => app.registry.workflow(schedule.workflow).startedAs ?? schedule.workflow
const show = (app: App, schedule: Schedule) => ({
  ...schedule,
  workflow: app.registry.workflows.some((one) => one.name === schedule.workflow)
    ? verbOf(app, schedule)
    : schedule.workflow,
})

export const scheduleAdd = defineOperation({
  name: 'schedule.add',
  summary: 'Lets a workflow begin by itself, at the moments of a cron expression on the clocks of a time zone.',
  role: 'admin',
  input: z.strictObject({
    name: Name,
    workflow: z.string().min(1).max(60),
    portalId: z.string().min(1).max(200),
    cron: Cron,
    timeZone: TimeZone.optional(),
    input: Input.default({}),
  }),
  audit: (input) => ({
    subject: `schedule ${input.name}`,
    detail: { workflow: input.workflow, portalId: input.portalId, cron: input.cron, timeZone: input.timeZone },
  }),
  run: async (app, asked) => {
    const portal = await needPortal(app, asked.portalId)
    const { workflow, input } = readBatchInput(app, asked.workflow, asked.input)
    const timeZone = asked.timeZone ?? portal.settings.timeZone ?? 'UTC'
    const dueAt = dueNext(asked.cron, timeZone)
    const added = await addSchedule(app.db, {
      name: asked.name,
      portalId: portal.id,
      workflow,
      cron: asked.cron,
      timeZone,
      input,
      dueAt,
    })
    if (!added)
      throw new OperationError(
        'name_taken',
        409,
        `There is a schedule ${asked.name} already.`,
        `Give another --name, or change it: callsift schedule edit ${asked.name}`,
      )
    return { schedule: show(app, await needSchedule(app, asked.name)) }
  },
})

export const scheduleList = defineOperation({
  name: 'schedule.list',
  summary: 'What begins by itself, when next, and what came of the last time.',
  input: z.strictObject({}),
  run: async (app) => ({ schedules: (await listSchedules(app.db)).map((one) => show(app, one)) }),
})

export const scheduleEdit = defineOperation({
  name: 'schedule.edit',
  summary: 'Changes when a schedule begins its runs, and with which options; what runs goes on as it was.',
  role: 'admin',
  input: z.strictObject({ name: Name, cron: Cron.optional(), timeZone: TimeZone.optional(), input: Input.optional() }),
  audit,
  run: async (app, asked) => {
    const standing = await needSchedule(app, asked.name)
    const [cron, timeZone] = [asked.cron ?? standing.cron, asked.timeZone ?? standing.timeZone]
    const input =
      asked.input === undefined ? standing.input : readBatchInput(app, verbOf(app, standing), asked.input).input
    await changeSchedule(app.db, asked.name, {
      cron,
      timeZone,
      input,
      paused: standing.paused,
      dueAt: dueNext(cron, timeZone),
    })
    return { schedule: show(app, await needSchedule(app, asked.name)) }
  },
})

/** A schedule that rested goes on with its next moment, and makes up for none that passed meanwhile. */
async function setPaused(app: App, name: string, paused: boolean) {
  const standing = await needSchedule(app, name)
  await changeSchedule(app.db, name, { ...standing, paused, dueAt: dueNext(standing.cron, standing.timeZone) })
  return { schedule: show(app, await needSchedule(app, name)) }
}

export const schedulePause = defineOperation({
  name: 'schedule.pause',
  summary: 'Lets a schedule rest; a run that it has begun goes on.',
  input: ByName,
  audit,
  run: (app, input) => setPaused(app, input.name, true),
})

export const scheduleResume = defineOperation({
  name: 'schedule.resume',
  summary: 'Lets a schedule go on with its next moment.',
  input: ByName,
  audit,
  run: (app, input) => setPaused(app, input.name, false),
})

export const scheduleRun = defineOperation({
  name: 'schedule.run',
  summary: 'Begins the run of a schedule now; its next moment stays what it was.',
  role: 'admin',
  input: ByName,
  audit,
  run: async (app, input) => {
    const { portalId, workflow, input: options } = await needSchedule(app, input.name)
    const slot = `${input.name} by hand ${new Date().toISOString()}`
    const result = await app.db
      .transaction()
      .execute((trx) => startSlot(trx, app.registry, { portal_id: portalId, workflow, input: options }, slot))
    await noteScheduleRun(app.db, input.name, { slot, ...result })
    if ('leftOut' in result)
      throw new OperationError('not_started', 409, `Nothing was begun: ${result.leftOut}.`, 'See: callsift batch list')
    app.engine.kick()
    return { id: result.runId, name: input.name }
  },
})

export const scheduleRemove = defineOperation({
  name: 'schedule.remove',
  summary: 'Removes a schedule; what it has begun goes on and stays.',
  input: ByName,
  audit,
  run: async (app, input) => {
    await needSchedule(app, input.name)
    return { name: input.name, removed: await removeSchedule(app.db, input.name) }
  },
})
