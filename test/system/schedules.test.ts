import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { nextTime } from '../../src/engine/next-time.ts'
import { startDue } from '../../src/engine/schedules.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { applyEnvSchedules, checkEnvSchedules, dropEnvSchedules } from '../../workers/env-schedules.ts'
import { registry } from '../../workers/index.ts'
import { type Program, startProgram } from '../support/program.ts'
import { addLeads } from '../support/sandbox-leads.ts'

describe('the next moment', () => {
  const next = (cron: string, zone: string, after: string) => nextTime(cron, zone, new Date(after)).toISOString()

  test('is told by the clocks of the time zone', () => {
    expect(next('0 3 * * *', 'Europe/Moscow', '2026-11-26T12:00:00Z')).toBe('2026-11-27T00:00:00.000Z')
    expect(next('30 6 * * 1', 'UTC', '2026-11-26T12:00:00Z')).toBe('2026-11-30T06:30:00.000Z')
  })

  test('holds over both changes of the clocks, and is there once in each night', () => {
    expect(next('30 3 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z')).toBe('2026-03-28T02:30:00.000Z')
    expect(next('30 3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:30:00.000Z')
    const first = next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')
    const second = next('30 2 * * *', 'Europe/Berlin', first)
    expect(Date.parse(second) - Date.parse(first)).toBeGreaterThan(23 * 3_600_000)
  })

  test.each(['* * * *', '0 0 3 * * *', '@daily', '61 * * * *', 'x'])('%s is refused', (cron) => {
    expect(() => nextTime(cron, 'UTC', new Date())).toThrow()
  })

  test('a time zone that is none is refused', () => {
    expect(() => nextTime('0 3 * * *', 'Mars/Base', new Date())).toThrow()
  })
})

const fromEnv = {
  name: 'from-env',
  workflow: 'score-leads',
  portal: 'acme',
  cron: '0 3 * * *',
  timeZone: 'Europe/Moscow',
  input: { filter: { statusId: 'NEW' } },
}
const read = (list: unknown) => loadConfig({ CALLSIFT_SCHEDULES: JSON.stringify(list) }).schedules ?? []

describe('schedules', () => {
  let program: Program
  const ask = async <Value>(name: string, input: Record<string, unknown>): Promise<Value> => {
    const operation = findOperation(name)
    if (operation === undefined) throw new Error(`no operation ${name}`)
    return (await runOperation(program.app, operation, input, { actor: 'test', role: 'admin' })) as Value
  }
  interface Line {
    readonly name: string
    readonly dueAt: string
    readonly paused: boolean
    readonly lastResult: { slot: string; runId?: string; leftOut?: string } | null
  }
  const line = async (name: string) => {
    const { schedules } = await ask<{ schedules: Line[] }>('schedule.list', {})
    const found = schedules.find((one) => one.name === name)
    if (found === undefined) throw new Error(`no schedule ${name}`)
    return found
  }
  const makeDue = async (name: string) =>
    await sql`update callsift.schedules set due_at = clock_timestamp() - interval '3 days' where name = ${name}`.execute(
      program.app.db,
    )
  const batches = async () =>
    (await ask<{ batches: { id: string; key: string; state: string }[] }>('batch.list', {})).batches

  beforeAll(async () => {
    // The test's portal is added before `start`; the other one after it.
    const CALLSIFT_SCHEDULES = JSON.stringify([fromEnv, { ...fromEnv, name: 'of-another', portal: 'another' }])
    program = await startProgram({ env: { CALLSIFT_SCHEDULES }, timings: { scheduleTickMs: 50, batchLookMs: 20 } })
    await ask('portal.fields', { id: 'acme', create: true })
    addLeads(program.sandbox, 'acme', 3)
  })
  afterAll(async () => await program.close())

  const schedules = async () => (await ask<{ schedules: Line[] }>('schedule.list', {})).schedules
  test('those of the environment stand after the start, also where their portal comes later', async () => {
    const [first, ...more] = await schedules()
    expect(more).toEqual([])
    expect(first).toMatchObject({
      name: 'from-env',
      portalId: 'acme',
      timeZone: 'Europe/Moscow',
      input: { filter: { statusId: 'NEW' } },
    })
    expect(Date.parse(first?.dueAt ?? '')).toBeGreaterThan(Date.now())
    await program.addPortal('another')
    await program.until(async () => (await schedules()).length === 2)

    const { app } = program
    const apply = async (list: unknown) => {
      await dropEnvSchedules(app.db, app.log, read(list))
      return await applyEnvSchedules(app.db, registry, app.log, read(list))
    }
    // A person's pause and change outlive a restart with the same words; other words win over the change, and leave the pause.
    await ask('schedule.pause', { name: 'from-env' })
    await ask('schedule.edit', { name: 'from-env', cron: '15 2 * * *' })
    expect(await apply([fromEnv])).toEqual([])
    expect(await schedules()).toMatchObject([{ name: 'from-env', cron: '15 2 * * *', paused: true }])
    await apply([{ ...fromEnv, cron: '45 4 * * *' }])
    expect(await schedules()).toMatchObject([{ name: 'from-env', cron: '45 4 * * *', paused: true }])

    // What a person made is nobody else's to change or to remove.
    await ask('schedule.add', { name: 'by-hand', workflow: 'score-leads', portalId: 'acme', cron: '0 5 * * *' })
    await apply([{ ...fromEnv, name: 'by-hand' }])
    expect(await schedules()).toMatchObject([{ name: 'by-hand', cron: '0 5 * * *' }])
    await apply([])
    await ask('schedule.remove', { name: 'by-hand' })
  })

  test('what is missed is made up for once, and the next moment lies ahead', async () => {
    await ask('schedule.add', {
      name: 'nightly',
      workflow: 'score-leads',
      portalId: 'acme',
      cron: '0 3 * * *',
      timeZone: 'Europe/Moscow',
      input: { filter: { statusId: 'NEW' } },
    })
    expect((await line('nightly')).lastResult).toBeNull()
    await makeDue('nightly')
    await program.until(async () => (await line('nightly')).lastResult?.runId)
    await program.until(async () => (await batches()).every((one) => one.state === 'done'))
    expect(Date.parse((await line('nightly')).dueAt)).toBeGreaterThan(Date.now())
    expect(await startDue(program.app.db, program.app.registry, program.app.log)).toBe(0)
    expect(await batches()).toHaveLength(1)
  })

  test('of many who look at once, one begins the run', async () => {
    await ask('schedule.pause', { name: 'nightly' })
    const before = (await batches()).length
    await ask('schedule.resume', { name: 'nightly' })
    await makeDue('nightly')
    const look = () => startDue(program.app.db, program.app.registry, program.app.log)
    await Promise.all([look(), look(), look(), look()])
    await program.until(async () => (await batches()).length === before + 1)
    await program.until(async () => (await batches()).every((one) => one.state === 'done'))
  })

  test('one whose last run still goes on is left out, and says so', async () => {
    const { id } = await ask<{ id: string }>('batch.start', { workflow: 'score-leads', portalId: 'acme' })
    await ask('batch.pause', { id })
    await makeDue('nightly')
    await program.until(async () => (await line('nightly')).lastResult?.leftOut?.includes(id))
    await ask('batch.cancel', { id })
  })

  test('a paused one begins nothing; by hand it does, and its next moment stays', async () => {
    await ask('schedule.pause', { name: 'nightly' })
    const before = (await batches()).length
    await makeDue('nightly')
    expect(await startDue(program.app.db, program.app.registry, program.app.log)).toBe(0)
    const due = (await line('nightly')).dueAt
    await ask('schedule.run', { name: 'nightly' })
    expect(await batches()).toHaveLength(before + 1)
    expect((await line('nightly')).dueAt).toBe(due)
    await ask('schedule.remove', { name: 'nightly' })
    await expect(line('nightly')).rejects.toThrow('no schedule')
  })

  test('mistakes are heard by whoever makes them', async () => {
    const wanted = { name: 'bad', workflow: 'score-leads', portalId: 'acme', cron: '0 3 * * *' }
    const add = (change: Record<string, unknown>) => ask('schedule.add', { ...wanted, ...change })
    await expect(add({ cron: 'now' })).rejects.toMatchObject({ kind: 'invalid_cron' })
    await expect(add({ timeZone: 'Mars/Base' })).rejects.toMatchObject({ kind: 'invalid_cron' })
    await expect(add({ workflow: 'call' })).rejects.toMatchObject({ kind: 'unknown_workflow' })
    await expect(add({ input: { filter: { '>id': 5 } } })).rejects.toMatchObject({ kind: 'invalid_input' })
    await expect(add({ portalId: 'nowhere' })).rejects.toMatchObject({ status: 404 })
    await add({})
    await expect(add({})).rejects.toMatchObject({ kind: 'name_taken' })
  })
})

test('every mistake in schedules of the environment is told at once, and ends the start', () => {
  const check = (list: unknown) => () => checkEnvSchedules(read(list), registry)
  expect(check('x')).toThrow('CALLSIFT_SCHEDULES')
  expect(check([fromEnv, fromEnv])).toThrow('names a schedule twice')
  expect(check([{ ...fromEnv, every: 5 }])).toThrow('every')
  const wrong = [
    { ...fromEnv, name: 'one', cron: 'nightly' },
    { ...fromEnv, name: 'two', workflow: 'call' },
    { ...fromEnv, name: 'three', input: { filter: { '>id': 5 } } },
    { ...fromEnv, name: 'four', timeZone: 'Mars/Base' },
  ]
  expect(check(wrong)).toThrow(/one: [\s\S]*two: [\s\S]*three: [\s\S]*four: /)
  expect(check([fromEnv])).not.toThrow()
})
