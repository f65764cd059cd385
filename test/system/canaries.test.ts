import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { listRecordTables } from '../../src/db/record-tables.ts'
import { createLog } from '../../src/log.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { applicationToken, callEnd, memberId, startHttpApp } from '../support/http-app.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

/** Secrets that must stand nowhere, and people's data that may stand in few places. */
const secrets = {
  apiKey: 'vibe_api_CANARYcanary0123456789',
  applicationToken: `${applicationToken}-CANARY`,
  secretKey: 'CANARY-secret-key-of-this-test-run',
  robotSecret: 'CANARY-robot-secret-of-this-run',
}
const phone = '79035550177'
const phrase = 'фиолетовый канареечный паровоз'

const database = await freshDatabase('canary secrets in every store')
const redisUrl = await sharedRedis('canary secrets in every store')

test.skipIf(database === undefined || redisUrl === undefined)(
  'I5 no secret anywhere, no phone and no speech where they do not belong, over many paths',
  async () => {
    const closers = createClosers()
    try {
      const logged: string[] = []
      const shown: string[] = []
      const sandbox = await startSandbox({ log: createLog('silent'), limits: { scale: 100 } })
      closers.add(() => sandbox.close())
      const made = sandbox.addPortal({ name: 'acme', apiKey: secrets.apiKey, memberId })
      const on = await startHttpApp({
        log: (line) => logged.push(line),
        environment: {
          CALLSIFT_MODE: 'sandbox',
          CALLSIFT_LANGUAGE: 'auto',
          CALLSIFT_SECRET_KEY: secrets.secretKey,
          CALLSIFT_TIMINGS: JSON.stringify({
            dispatchTickMs: 100,
            retryDelaysMs: [100, 100],
            recordingLadderMs: [100],
            gateProbeMs: 400,
          }),
          DATABASE_URL: database?.url ?? '',
          REDIS_URL: redisUrl ?? '',
        },
      })
      closers.add(() => on.close())
      await on.addPortal({
        baseUrl: sandbox.url,
        apiKey: made.key.value,
        applicationToken: secrets.applicationToken,
        robotSecret: secrets.robotSecret,
        sandbox: true,
      })
      await on.app.start()
      await on.app.engine.work({ concurrency: () => 4 })

      const [recording] = await sandbox.world.sound.recordings()
      const ring = (more: object = {}) =>
        sandbox.addCall({
          portal: 'acme',
          entity: 'deal',
          sendEvent: false,
          phone: `+${phone}`,
          hearAs: `Клиент: нам нужно тридцать мест. ${phrase}. Мой номер +7 903 555-01-77.`,
          ...(recording === undefined ? {} : { recordingId: recording.id }),
          ...more,
        })
      const form = (callId: string, head: Record<string, string> = {}) =>
        callEnd(
          { CALL_ID: callId, PHONE_NUMBER: `+${phone}`, CRM_ACTIVITY_ID: '' },
          { 'auth[application_token]': secrets.applicationToken, ...head },
        )
      const keep = async (work: Promise<{ status: number; text: string; headers: Record<string, unknown> }>) => {
        const { status, text, headers } = await work
        shown.push(`${status} ${JSON.stringify(headers)} ${text}`)
        return status
      }

      // Calls that succeed, whose upstream fails while it repeats the key, that wait, and that are parked.
      const calls = [await ring(), await ring()]
      sandbox.addFault({ route: 'chat', kind: 'status', status: 400, message: `bad key ${secrets.apiKey}`, times: 1 })
      sandbox.addFault({
        route: 'transcription',
        kind: 'status',
        status: 502,
        message: `Bearer ${secrets.apiKey}`,
        times: 2,
      })
      for (const call of calls) expect(await keep(on.post('/webhooks/bitrix24', form(call.callId)))).toBe(200)
      expect(await keep(on.post('/webhooks/bitrix24', form(calls[0]?.callId ?? '')))).toBe(200)
      // What is refused.
      await keep(
        on.post('/webhooks/bitrix24', form('x', { 'auth[application_token]': `${secrets.applicationToken}x` })),
      )
      await keep(on.post('/webhooks/bitrix24', `${form('y')}&data[CALL_DURATION]=abc`))
      await keep(
        on.post('/webhooks/bitrix24', `auth[application_token]=${secrets.applicationToken}&a[b][c][d][e][f]=1`),
      )
      await keep(on.post(`/webhooks/bitrix24/robot/${secrets.robotSecret}?deal=${phone}`, ''))
      await keep(on.post(`/webhooks/bitrix24/robot/${secrets.robotSecret}x`, ''))
      await keep(on.post('/webhooks/bitrix24', '{"a":1}', { 'content-type': 'application/json' }))
      for (const path of ['/api/v1/calls', '/api/v1/ops/status', `/api/v1/calls?token=${secrets.apiKey}`])
        await keep(on.get(path, { authorization: `Bearer ${secrets.apiKey}` }))
      const asked = async (name: string, input: object) => {
        const { status, answer } = await on.operate(name, input)
        shown.push(`${status} ${JSON.stringify(answer)}`)
        return answer
      }
      await asked('portal.save', { memberId: 'another', apiKey: secrets.apiKey, name: '' })

      const deadline = performance.now() + 30_000
      for (;;) {
        const states = await on.app.db.selectFrom('callsift.runs').select('state').execute()
        if (states.length >= 2 && states.every((run) => run.state !== 'running')) break
        if (performance.now() > deadline) throw new Error(`the calls did not end: ${JSON.stringify(states)}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await asked('status', {})
      await asked('doctor', {})
      await asked('deliveries.list', {})
      // Operators see whom a call was with; who may only look does not.
      const viewer = String((await on.operate('token.create', { name: 'viewer', role: 'viewer' })).answer['token'])
      await keep(on.get('/api/v1/calls', { authorization: `Bearer ${viewer}` }))
      expect(shown.at(-1)).toContain('***0177')
      await asked('portal.list', {})
      for (const path of ['/', '/metrics', '/livez', '/readyz', '/nowhere']) await keep(on.get(path))
      const spoken: string[] = [JSON.stringify((await on.operate('call.list', {})).answer)]
      const ids = await on.app.db.selectFrom('callsift.calls').select('id').execute()
      for (const { id } of ids) {
        spoken.push(
          (await on.get(`/calls/${id}`)).text,
          JSON.stringify((await on.operate('call.show', { call: id })).answer),
        )
      }

      // Everything that was put down, table by table and column by column.
      const stored: string[] = []
      const speech: string[] = []
      const phones: string[] = []
      for (const table of await listRecordTables(on.app.db)) {
        const rows = await sql<Record<string, unknown>>`select * from ${sql.table(`callsift.${table.name}`)}`.execute(
          on.app.db,
        )
        for (const row of rows.rows) {
          for (const [column, value] of Object.entries(row)) {
            const place = `${table.name}.${column}`
            const text = `${place}: ${JSON.stringify(value)}`
            if (place === 'calls.phone') phones.push(text)
            else if (place === 'steps.output' || place === 'steps.item') speech.push(text)
            else stored.push(text)
          }
        }
      }
      const redis = new Redis(redisUrl ?? '')
      closers.add(() => redis.disconnect())
      const queued: string[] = []
      for await (const keys of redis.scanStream({ count: 500 }) as AsyncIterable<string[]>) {
        for (const key of keys) queued.push(`${key} ${(await redis.dumpBuffer(key))?.toString('latin1') ?? ''}`)
      }
      const log = logged.join('')

      // The net catches something: the canaries did go through all this.
      expect(logged.length).toBeGreaterThan(10)
      expect(speech.join('')).toContain(phrase)
      expect(phones.join('')).toContain(phone)
      const everywhere = {
        log,
        shown: shown.join('\n'),
        spoken: spoken.join('\n'),
        stored: stored.join('\n'),
        speech: speech.join('\n'),
        queued: queued.join('\n'),
      }
      for (const [where, text] of Object.entries(everywhere)) {
        for (const [name, secret] of Object.entries(secrets)) {
          for (const spelling of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
            expect(text.includes(spelling), `${name} in ${where}`).toBe(false)
        }
      }
      for (const where of ['log', 'shown', 'stored', 'queued'] as const) {
        expect(everywhere[where].includes(phrase), `speech in ${where}`).toBe(false)
        expect(new RegExp(`${phone}|555-01-77`).exec(everywhere[where])?.[0], `phone in ${where}`).toBeUndefined()
      }
      // What the model was told, and what it said of it, had the number taken out; the transcript itself keeps it.
      expect(speech.filter((text) => text.includes('555-01-77') && !text.includes('"segments"'))).toEqual([])
    } finally {
      await closers.closeAll()
      await database?.drop()
    }
  },
)
