import { readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readOpenRange } from '../../src/http/pages/audio-ranges.ts'
import { type DashboardWorld, startDashboardWorld } from '../support/dashboard-world.ts'
import { makeDataFolder } from '../support/data-folder.ts'
import { writeToneCall } from '../support/tone-calls.ts'

// What somebody hears comes from the portal by the ranges that a player asks for, behind the login, and from nowhere that is not allowed.
describe('a recording that is listened to', () => {
  let world: DashboardWorld
  let call = ''
  let sound = Buffer.alloc(0)
  let cookie = ''
  const listen = async (range: string | undefined, headers: Record<string, string> = { cookie }, id = call) => {
    const answer = await request(`${world.server.url}/calls/${id}/audio`, {
      headers: { ...headers, ...(range === undefined ? {} : { range }) },
    })
    return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.from(await answer.body.arrayBuffer()) }
  }
  const downloads = () =>
    world.sandbox.requests().filter((one) => /\/download$|\/__sandbox\/files|signed/.test(one.path))
  const copies = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('callsift-player-'))

  const said = 'Client: we need thirty seats by Friday, please send the contract.'

  beforeAll(async () => {
    world = await startDashboardWorld(await makeDataFolder())
    const folder = await makeDataFolder()
    sound = await readFile((await writeToneCall({ path: join(folder, 'call.wav'), seconds: 80 })).path)
    await rm(folder, { recursive: true, force: true })
    call = await world.judge(sound, said)
    cookie = `__Host-callsift=${await world.login('viewer', 'ivan')}`
  })
  afterAll(async () => await world.close())

  test('is passed on by ranges: the bytes that were asked for, a bounded piece at a time, and no copy is kept', async () => {
    const before = await copies()
    const some = await listen('bytes=100-199')
    expect([some.status, some.headers['content-range']]).toEqual([206, `bytes 100-199/${sound.length}`])
    expect(some.bytes.equals(sound.subarray(100, 200))).toBe(true)
    expect(some.headers['cache-control']).toBe('private, no-store')
    const pieces: Buffer[] = []
    for (let from = 0; from < sound.length; ) {
      const piece = await listen(`bytes=${from}-`)
      expect(piece.status).toBe(206)
      expect(piece.bytes.length).toBeLessThanOrEqual(1024 * 1024)
      pieces.push(piece.bytes)
      from += piece.bytes.length
    }
    expect(pieces.length).toBeGreaterThan(1)
    expect(Buffer.concat(pieces).equals(sound)).toBe(true)
    const beyond = await listen(`bytes=${sound.length}-`)
    expect(beyond.status).toBe(416)
    expect(await copies()).toEqual(before)
    const held = await world.app.connection.pool.query('select * from callsift.slots where holder is not null')
    expect(held.rows).toEqual([])
  })

  test('is for who is logged in, others are sent to the door; it is gone with the call', async () => {
    expect((await listen('bytes=0-9', {})).status).toBe(303)
    expect((await listen('bytes=0-9', { cookie: `__Host-callsift=${'A'.repeat(43)}` })).status).toBe(303)
    expect((await listen('bytes=0-9', { cookie }, '999999')).status).toBe(404)
  })

  test('comes by its link where the portal has no route for bytes', async () => {
    world.sandbox.world.portal('acme').switches.fileDownload = 'urlOnly'
    const some = await listen('bytes=500-999')
    expect([some.status, some.bytes.equals(sound.subarray(500, 1000))]).toEqual([206, true])
    expect((await listen(`bytes=${sound.length + 5}-`)).headers['content-range']).toBe(`bytes */${sound.length}`)
    world.sandbox.world.portal('acme').switches.fileDownload = 'route'
  })

  test('comes from a copy where the host knows no ranges, which is fetched once', async () => {
    world.sandbox.world.portal('acme').switches.ranges = 'ignored'
    const before = downloads().length
    for (const [from, to] of [
      [0, 99],
      [5_000, 5_999],
      [sound.length - 10, sound.length - 1],
    ] as const) {
      const some = await listen(`bytes=${from}-${to}`)
      expect([some.status, some.headers['content-range']]).toEqual([206, `bytes ${from}-${to}/${sound.length}`])
      expect(some.bytes.equals(sound.subarray(from, to + 1))).toBe(true)
    }
    // One that was tried as a range, and one for the copy.
    expect(downloads().length - before).toBe(2)
    world.sandbox.world.portal('acme').switches.ranges = 'honoured'
  })

  test('comes from no address in a private network, whatever a call names', async () => {
    const asked: string[] = []
    const canary: Server = createServer((incoming, answer) => {
      asked.push(incoming.url ?? '')
      answer.writeHead(206, { 'content-range': 'bytes 0-2/3' }).end('abc')
    })
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
    const { port } = canary.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/secret.mp3`
    const again = await world.judge(Buffer.concat([sound, Buffer.alloc(64)]), said)
    await world.app.connection.pool.query(
      `update callsift.steps set output = jsonb_set(output, '{recording}', $1::jsonb)
        where name = 'locateRecording' and run_id = (select run_id from callsift.calls where id = $2)`,
      [JSON.stringify({ kind: 'url', url }), again],
    )
    const refused = await listen('bytes=0-2', { cookie }, again)
    expect(refused.status).toBe(503)
    expect(refused.bytes.toString()).not.toContain('abc')
    expect(asked).toEqual([])
    await new Promise((resolve) => canary.close(resolve))
  })
})

test.each([
  ['bytes=0-', { from: 0, to: null }],
  ['bytes=10-19', { from: 10, to: 19 }],
  ['bytes=-5', null],
  ['bytes=20-10', null],
  ['bytes=0-1,3-4', null],
  [undefined, null],
])('of %j is asked from the portal: %j', (header, range) => {
  expect(readOpenRange(header)).toEqual(range)
})
