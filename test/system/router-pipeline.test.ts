import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { savePortal } from '../../src/db/portals.ts'
import { createRouterKey, openKeyDigest } from '../../src/db/router-keys.ts'
import { listRouterUsage } from '../../src/db/router-usage.ts'
import { type Router, startRouter } from '../../src/router/router.ts'
import { parseSettings, whisperModel } from '../../src/router/settings.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { silentLog } from '../support/engine-bench.ts'
import { type Program, startProgram } from '../support/program.ts'

let on: Program
let router: Router
/** The recogniser and the model of the house: another process would be another address, and so is this. */
let house: Sandbox
beforeAll(async () => {
  on = await startProgram()
  house = await startSandbox({ log: silentLog, limits: { scale: 100 } })
})
afterEach(() => void vi.restoreAllMocks())
afterAll(async () => {
  await router.close()
  await on.close()
  await house.close()
})

/** Lets connections through to this machine alone, and notes where else any were tried. */
function keepInside(): string[] {
  const outside: string[] = []
  const connect = Socket.prototype.connect as (this: Socket, ...given: unknown[]) => Socket
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...given: unknown[]) {
    const [options] = (Array.isArray(given[0]) ? given[0] : given) as [{ host?: string; path?: string }]
    const isInside = options.path !== undefined || /^(127\.0\.0\.1|localhost|::1)$/.test(options.host ?? 'localhost')
    if (isInside) return connect.apply(this, given)
    outside.push(String(options.host))
    return this.destroy(new Error('nothing leaves the house'))
  })
  return outside
}

test('a call goes through the whole pipeline with the router as its only address: AI here, CRM behind it', async () => {
  const { db, sealer } = on.app
  const outside = keepInside()
  await expect(fetch('http://192.0.2.1/')).rejects.toThrow()
  expect(outside.splice(0)).toEqual(['192.0.2.1'])
  const portal = on.sandbox.world.portals.get('acme')
  const ai = house.addPortal({ name: 'ai' })
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
          local: { baseUrl: house.url, apiKey: ai.key.value },
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
  // What was heard and judged stayed with the house's own; the portal saw calls, deals and the entry.
  expect(outside).toEqual([])
  const isAi = ({ path }: { path: string }) => /\/(chat\/completions|audio\/transcriptions)/.test(path)
  expect(house.requests().filter(isAi).length).toBeGreaterThanOrEqual(2)
  expect(house.requests().filter((one) => !isAi(one))).toEqual([])
  expect(on.sandbox.requests().filter(isAi)).toEqual([])
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
