import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { sql } from 'kysely'
import { FormData, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readUpload } from '../../src/db/read-upload.ts'
import { pruneUploads } from '../../src/db/uploads.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'

const quotaMb = 120
let http: HttpApp
let token = ''

beforeAll(async () => {
  http = await startHttpApp({ environment: { CALLSIFT_UPLOAD_QUOTA_MB: String(quotaMb) } })
  await http.addPortal()
  token = String((await http.operate('token.create', { name: 'crm' })).answer['token'])
})
afterAll(() => http.close())

async function send(
  form: FormData,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await request(`${http.server.url}/api/v1/calls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: form,
  })
  return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> }
}

function recording(bytes: Buffer, fields: Record<string, string> = {}, fileFirst = false): FormData {
  const form = new FormData()
  const file = () => form.append('file', new Blob([new Uint8Array(bytes)], { type: 'audio/mpeg' }), 'call.mp3')
  if (fileFirst) file()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  if (!fileFirst) file()
  return form
}

const stored = async () => [await http.count('calls'), await http.count('uploads'), await http.count('upload_chunks')]

/** Begins a file without saying its length, so that it may become as long as one can be. */
async function begin(): Promise<Socket> {
  const socket = connect(http.server.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(
    `POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=xyz\r\nTransfer-Encoding: chunked\r\n\r\n`,
  )
  const head =
    '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
  socket.write(`${head.length.toString(16)}\r\n${head}\r\n1\r\na\r\n`)
  return socket
}

test.each([false, true])(
  'a file is stored in rows of 256 KiB and read back as it was (file first: %s)',
  async (fileFirst) => {
    const bytes = randomBytes(700_001)
    const answer = await send(recording(bytes, { entityTypeId: '1', entityId: '7', dryRun: 'true' }, fileFirst))
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'accepted' } })
    const call = await http.app.db
      .selectFrom('callsift.calls')
      .selectAll()
      .where('id', '=', String(answer.body['callId']))
      .executeTakeFirstOrThrow()
    const upload = await http.app.db
      .selectFrom('callsift.uploads')
      .selectAll()
      .where('id', '=', call.upload_id ?? '0')
      .executeTakeFirstOrThrow()
    expect(upload).toMatchObject({
      portal_id: 'acme',
      bytes: '700001',
      content_type: 'audio/mpeg',
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
    const pieces: Buffer[] = []
    for await (const piece of readUpload(http.app.db, upload.id)) pieces.push(Buffer.from(piece))
    expect(pieces.map((piece) => piece.length)).toEqual([262_144, 262_144, 175_713])
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  },
)

test('the same recording again is the same call, and is not kept twice', async () => {
  const bytes = randomBytes(1_000)
  const first = await send(recording(bytes))
  const uploads = await http.count('uploads')
  expect(await send(recording(bytes))).toMatchObject({
    body: { outcome: 'duplicate', callId: first.body['callId'] },
  })
  expect(await http.count('uploads')).toBe(uploads)
})

test('a key that comes again with another file is 422, and the file does not stay', async () => {
  await send(recording(randomBytes(1_000)), { 'idempotency-key': 'files-1' })
  const uploads = await http.count('uploads')
  expect((await send(recording(randomBytes(1_000)), { 'idempotency-key': 'files-1' })).status).toBe(422)
  expect(await http.count('uploads')).toBe(uploads)
})

const twoFiles = recording(randomBytes(10))
twoFiles.append('second', new Blob(['x']), 'b.mp3')
const textFile = new FormData()
textFile.append('file', 'not a file')
test.each([
  ['an empty file', recording(Buffer.alloc(0)), 'empty_file'],
  ['a text field named file', textFile, 'empty_file'],
  ['two files', twoFiles, 'invalid_input'],
  [
    'a bad field after the file',
    recording(randomBytes(300_000), { entityTypeId: '2', entityId: 'x' }, true),
    'invalid_input',
  ],
  ['an unknown field', recording(randomBytes(10), { colour: 'red' }), 'invalid_input'],
])('%s is 400, and nothing stays', async (_name, form, kind) => {
  const before = [await http.count('calls'), await http.count('uploads'), await http.count('upload_chunks')]
  expect(await send(form)).toMatchObject({
    status: 400,
    body: { type: `urn:callsift:problem:${kind}` },
  })
  expect([await http.count('calls'), await http.count('uploads'), await http.count('upload_chunks')]).toEqual(before)
})

test('thirty bad uploads at once are thirty times 400, and the program stays up', async () => {
  const before = await http.count('uploads')
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => {
      const form = recording(randomBytes(10))
      form.append('second', new Blob(['x']), 'b.mp3')
      return send(form)
    }),
  )
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([400]))
  expect(await http.count('uploads')).toBe(before)
})

test('a file over the limit is 413 by its length, before it was sent', async () => {
  const socket = connect(http.server.port, '127.0.0.1')
  socket.write(
    `POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: ${51 * 2 ** 20}\r\n\r\n`,
  )
  const [piece] = await once(socket, 'data')
  socket.destroy()
  expect(String(piece)).toMatch(/^HTTP\/1\.1 413 /)
})

test('a sender that goes away in the middle leaves nothing', async () => {
  const [uploads, chunks] = [await http.count('uploads'), await http.count('upload_chunks')]
  const socket = connect(http.server.port, '127.0.0.1')
  socket.write(
    `POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=xyz\r\nContent-Length: 5000000\r\n\r\n--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n`,
  )
  socket.write(Buffer.alloc(600_000, 7))
  await expect.poll(() => http.count('upload_chunks'), { timeout: 5_000 }).toBeGreaterThan(chunks)
  socket.destroy()
  await expect.poll(() => http.count('uploads'), { timeout: 5_000 }).toBe(uploads)
  expect(await http.count('upload_chunks')).toBe(chunks)
})

describe('the room for all recordings together', () => {
  const held = async () => {
    const { rows } = await sql<{ mb: number }>`select coalesce(sum(bytes), 0)::float8 / 1048576 as mb
      from callsift.uploads`.execute(http.app.db)
    return rows[0]?.mb ?? 0
  }
  const fill = async (mb: number) =>
    await sql`insert into callsift.uploads (portal_id, sha256, bytes) values ('acme', 'fill', ${mb * 1_048_576})`.execute(
      http.app.db,
    )
  const empty = async () => await sql`delete from callsift.uploads where sha256 = 'fill'`.execute(http.app.db)

  test('is answered with 507 where it is full, with the mend, and nothing changes', async () => {
    await fill(quotaMb - 1)
    const before = await stored()
    const answer = await send(recording(randomBytes(2_000_000)))
    expect(answer).toMatchObject({
      status: 507,
      body: {
        type: 'urn:callsift:problem:upload_quota',
        detail: expect.stringContaining(`of ${quotaMb} MB`),
        mend: expect.stringMatching(/CALLSIFT_KEEP_UPLOADS_DAYS.*CALLSIFT_UPLOAD_QUOTA_MB/),
      },
    })
    expect(await stored()).toEqual(before)
    await empty()
    expect((await send(recording(randomBytes(2_000_000)))).status).toBe(202)
  })

  test('is given once, also to many that come at the same moment', async () => {
    await fill(Math.floor(quotaMb - (await held())) - 3)
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(recording(randomBytes(1_000_000)))))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 202, 507, 507, 507, 507, 507])
    await empty()
  })

  test('counts a file of unknown length as the longest there can be while it comes, and as it was once it is there', async () => {
    await fill(Math.floor(quotaMb - (await held())) - 51)
    const first = await begin()
    await expect.poll(held, { timeout: 5_000 }).toBeGreaterThan(quotaMb - 3)
    expect((await send(recording(randomBytes(3_000_000)))).status).toBe(507)
    const rest = `${'a'.repeat(1_000)}\r\n--xyz--\r\n`
    first.write(`${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`)
    const [answer] = await once(first, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 202 /)
    first.destroy()
    expect((await send(recording(randomBytes(3_000_000)))).status).toBe(202)
    await empty()
  })

  test('comes back from a file that a crash cut off within the hour', async () => {
    await sql`insert into callsift.uploads (portal_id, sha256, bytes, created_at)
      values ('acme', '', 1, now() - interval '61 minutes'), ('acme', '', 1, now() - interval '59 minutes')`.execute(
      http.app.db,
    )
    expect(await pruneUploads(http.app.db)).toBe(1)
  })
})

test('a file that gets too long on its way is 413, and nothing of it stays', async () => {
  const before = await stored()
  const socket = await begin()
  const answered = once(socket, 'data')
  const chunk = Buffer.alloc(524_288, 7)
  for (let n = 0; n <= 100; n += 1) {
    socket.write('80000\r\n')
    socket.write(chunk)
    if (!socket.write('\r\n')) await Promise.race([once(socket, 'drain'), answered])
  }
  expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 413 /)
  socket.destroy()
  await expect.poll(stored, { timeout: 5_000 }).toEqual(before)
})
