import { rm } from 'node:fs/promises'
import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder } from '../support/data-folder.ts'
import { endAll, isLive, launch, type ServiceOfTest, until } from '../support/launch.ts'
import { freePort } from '../support/processes.ts'

let folder: string
const running: ServiceOfTest[] = []

beforeAll(async () => {
  folder = await makeDataFolder()
})
afterAll(async () => {
  await endAll(running)
  await rm(folder, { recursive: true, force: true })
})

const environment = (more: Record<string, string> = {}) => ({
  CALLSIFT_DATA: folder,
  CALLSIFT_MODE: 'sandbox',
  CALLSIFT_SECRET_KEY: 'a secret of the tests, long enough',
  ...more,
})

async function say(...args: string[]): Promise<string> {
  const verb = launch(args, environment({ CALLSIFT_LOG_LEVEL: 'silent' }))
  expect(await verb.ended, verb.said()).toMatchObject({ code: 0 })
  return verb.said()
}

test.each([
  ['router', ['router'], 'SIGKILL'],
  ['serve with a port for the router', ['serve', '--port', '0', '--http-only'], 'SIGTERM'],
] as const)('%s: a key is made while it runs, serves a played answer, and is revoked', async (_name, args, signal) => {
  const port = await freePort()
  const router = launch(args, environment({ CALLSIFT_ROUTER_PORT: String(port) }))
  running.push(router)
  const origin = `http://127.0.0.1:${port}`
  await until(() => isLive(origin), router.said)
  const { id, key } = JSON.parse(await say('router', 'key-create', 'cursor', '--json')) as { id: string; key: string }
  expect(key).toMatch(/^vibe_api_/)
  const ask = async () => {
    const answer = await request(`${origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'What is CRM?' }] }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: (await answer.body.json()) as object }
  }
  expect(await ask()).toMatchObject({
    status: 200,
    headers: { 'x-callsift-mode': 'SANDBOX' },
    body: { object: 'chat.completion', model: 'bitrix/bitrixgpt-5.5' },
  })
  await until(
    async () => (await say('router', 'usage', '--csv')).includes(`,${id},bitrix,bitrix/bitrixgpt-5.5,1,`),
    router.said,
  )
  expect(await say('router', 'key-revoke', id)).toContain('revoked')
  expect(await say('router', 'keys')).toContain('revoked')
  await until(async () => (await ask()).status === 401, router.said)
  router.child.kill(signal)
  expect(await router.ended).toEqual(
    signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal: 'SIGKILL' },
  )
  // What was written survives the process, however it died: at most the last half second is not.
  expect(await say('router', 'usage', '--csv')).toContain(`,${id},bitrix,bitrix/bitrixgpt-5.5,1,`)
})
