import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { savePortal } from '../../src/db/portals.ts'
import { createRouterKey, openKeyDigest } from '../../src/db/router-keys.ts'
import { listRouterUsage } from '../../src/db/router-usage.ts'
import { type Router, startRouter } from '../../src/router/router.ts'
import { parseSettings, whisperModel } from '../../src/router/settings.ts'
import { silentLog } from '../support/engine-bench.ts'
import { type Program, startProgram } from '../support/program.ts'

let on: Program
let router: Router
beforeAll(async () => {
  on = await startProgram()
})
afterAll(async () => {
  await router.close()
  await on.close()
})

test('a call goes through the whole pipeline with the router as its only address: AI here, CRM behind it', async () => {
  const { db, sealer } = on.app
  const portal = on.sandbox.world.portals.get('acme')
  const ai = on.sandbox.addPortal({ name: 'ai' })
  router = await startRouter({
    db,
    sealer,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
    tempRoot: tmpdir(),
    settings: parseSettings(
      {
        upstreams: {
          local: { baseUrl: on.sandbox.url, apiKey: ai.key.value },
          vibecode: { baseUrl: on.sandbox.url, apiKey: portal?.key.value },
        },
        models: [
          { id: 'bitrix/bitrixgpt-5.5', upstream: 'local', model: 'bitrix/bitrixgpt-5.5' },
          { id: whisperModel, kind: 'transcription', upstream: 'local', model: whisperModel },
        ],
        defaultModel: 'bitrix/bitrixgpt-5.5',
        defaultSpeechModel: whisperModel,
        behind: 'vibecode',
      },
      'the settings of the test',
    ),
  })
  const makeKey = async (scopes: string[]) =>
    await createRouterKey(db, await openKeyDigest(db, sealer), {
      tenant: 'default',
      name: 'pipeline',
      kind: 'api',
      scopes,
      perSecond: 1_000,
      tokensPerDay: null,
      budgetMicros: null,
      expiresAt: null,
    })
  const { id, key } = await makeKey(['vibe:ai', 'vibe:portal'])
  await savePortal(db, sealer, {
    id: 'acme',
    memberId: on.portal.memberId,
    domain: on.portal.domain,
    name: 'acme',
    baseUrl: `${router.url}/v1`,
    apiKey: key,
    writeEnabled: true,
    sandbox: true,
  })
  const [recording] = await on.sandbox.world.sound.recordings()
  const call = await on.sandbox.addCall({
    portal: 'acme',
    entity: 'deal',
    sendEvent: false,
    ...(recording === undefined ? {} : { recordingId: recording.id }),
  })
  const { runId } = await on.app.intake.accept({ portalId: 'acme', source: 'event', callRef: call.callId, masked: {} })
  const state = await on.until(async () => {
    const run = await db.selectFrom('callsift.runs').select('state').where('id', '=', runId).executeTakeFirstOrThrow()
    return run.state !== 'running' && run.state
  })
  expect(state).toBe('done')
  const effects = await db.selectFrom('callsift.effects').select('state').where('run_id', '=', runId).execute()
  expect(effects).toEqual([{ state: 'written' }])
  await router.flush()
  const used = await listRouterUsage(db, { since: '2020-01-01', keyId: id })
  expect(used.map((row) => row.model).sort()).toEqual(['bitrix/bitrixgpt-5.5', whisperModel])

  const onlyAi = await makeKey(['vibe:ai'])
  const refused = await fetch(`${router.url}/v1/deals`, { headers: { 'x-api-key': onlyAi.key } })
  expect([refused.status, await refused.json()]).toMatchObject([
    403,
    { success: false, error: { code: 'scope_missing' } },
  ])
})
