import { afterAll, beforeAll, expect, test } from 'vitest'
import { listPortals } from '../../src/db/portals.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { createSealer, readSecretKey } from '../../src/seal.ts'
import { type Program, startProgram } from '../support/program.ts'

let on: Program
beforeAll(async () => {
  on = await startProgram({ timings: { dispatchTickMs: 100, retryDelaysMs: [100] } })
})
afterAll(() => on.close())

test('E6 the secret key is turned over while calls run: no request fails, and afterwards the old key opens nothing', async () => {
  const old = await readSecretKey(undefined, on.app.config.dataDir)
  const portals = [on.portal.id]
  for (let n = 0; n < 5; n += 1) portals.push((await on.addPortal(`rotated-${n}`)).id)
  const [recording] = await on.sandbox.world.sound.recordings()
  const ring = async (portal: string) => {
    const call = await on.sandbox.addCall({
      portal,
      entity: 'deal',
      sendEvent: false,
      ...(recording === undefined ? {} : { recordingId: recording.id }),
    })
    return (await on.app.intake.accept({ portalId: portal, source: 'event', callRef: call.callId, masked: {} })).runId
  }
  const rotate = findOperation('key.rotate')
  if (rotate === undefined) throw new Error('no operation key.rotate')
  const rotated = () => runOperation(on.app, rotate, {}, { actor: 'test', role: 'admin' })

  const runs: string[] = []
  const resealed: unknown[] = []
  // Portals whose key has not been opened yet are asked before, while and after the key turns.
  for (const portal of portals) {
    runs.push(await ring(portal))
    const [answer, run] = await Promise.all([rotated(), ring(portal)])
    resealed.push(answer)
    runs.push(run)
  }
  expect(resealed).toEqual(
    portals.map(() => ({ resealed: portals.length + 1, current: portals.length + 1, key: 'secret.key' })),
  )
  await on.until(async () => {
    const rows = await on.app.db.selectFrom('callsift.runs').select('state').where('id', 'in', runs).execute()
    return rows.every((row) => row.state === 'done')
  }, 45_000)
  const failed = await on.app.db
    .selectFrom('callsift.attempts')
    .select(['outcome', 'class', 'message'])
    .where('outcome', 'not in', ['value', 'later', 'blocked', 'released'])
    .execute()
  expect(failed).toEqual([])

  const present = await readSecretKey(undefined, on.app.config.dataDir)
  expect(present).not.toBe(old)
  const [byOld, byPresent] = [createSealer(old), createSealer(present)]
  for (const portal of await listPortals(on.app.db)) {
    expect(() => byOld.unseal(portal.sealedKey, portal.id)).toThrow(/can't be opened/)
    expect(byPresent.unseal(portal.sealedKey, portal.id)).toMatch(/^vibe_/)
  }
})
