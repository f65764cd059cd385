import { afterEach, expect, test } from 'vitest'
import { type Program, startProgram } from '../support/program.ts'

let program: Program | null = null
afterEach(async () => {
  await program?.close()
  program = null
})

test('a call becomes one entry in the timeline of its deal', async () => {
  program = await startProgram()
  const { app, sandbox, until } = program
  const [recording] = await sandbox.world.sound.recordings()
  const ring = await sandbox.addCall({
    portal: 'acme',
    recordingId: recording?.id ?? '',
    entity: 'deal',
    sendEvent: false,
  })
  const accepted = await app.intake.accept({
    portalId: 'acme',
    source: 'event',
    callRef: ring.callId,
    masked: {},
  })
  expect(accepted.outcome).toBe('accepted')
  const run = await until(async () => {
    const row = await app.db
      .selectFrom('callsift.runs')
      .selectAll()
      .where('id', '=', accepted.runId)
      .executeTakeFirstOrThrow()
    return row.state === 'running' ? null : row
  })
  expect(run).toMatchObject({ state: 'done', class: null })
  const entries = sandbox.effects(0, 'timeline-log')
  expect(entries).toHaveLength(1)
  expect(JSON.stringify(entries[0])).toMatch(/AI classification: (high|medium|low) \(\d+\/100\)/)
  expect(sandbox.requests().length).toBeLessThanOrEqual(8)
})
