import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isForbiddenAddress, isGlobalAddress } from '../../src/audio/addresses.ts'
import { type FetchRequest, fetchToFile } from '../../src/audio/fetch.ts'
import { checkUrl, type Network } from '../../src/audio/guarded-connect.ts'
import { probeAudio } from '../../src/audio/probe.ts'
import { saveStream } from '../../src/audio/save-stream.ts'
import { isStepFailure, Later, Permanent, Retry } from '../../src/errors.ts'

interface Corpus {
  fakeDns: Record<string, string[]>
  deny: { id: string; url: string; note?: string }[]
  allow: { id: string; url: string }[]
}

const corpus: Corpus = JSON.parse(await readFile(new URL('../fixtures/ssrf.json', import.meta.url), 'utf8'))
const SOUND = Buffer.from('the bytes of a recording')

let server: Server
let port: number
let folder: string
/** Addresses that sockets were opened to, in order. */
let dialled: string[] = []
let requests = 0
let seenHeaders: Record<string, unknown> = {}

type Answer = (response: ServerResponse) => void
const answers: Record<string, Answer> = {
  '/ok': (response) => response.end(SOUND),
  '/loop': (response) => response.writeHead(302, { location: '/loop' }).end(),
  '/gzip': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('....'),
  '/gzip-twice': (response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(packed(2)),
  '/gzip-six': (response) =>
    response.writeHead(200, { 'content-encoding': Array(6).fill('gzip').join(', ') }).end(packed(6)),
  '/login': (response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>'.repeat(9)),
  '/named': (response) =>
    response.writeHead(200, { 'content-disposition': 'attachment; filename="../../etc/cron.d/x"' }).end(SOUND),
  '/huge': (response) => response.writeHead(200, { 'content-length': '10000000000' }).end('....'),
  '/endless': (response) => void Readable.from(endless()).pipe(response),
  '/broken': (response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('ten bytes.', () => response.destroy())
  },
  '/drip': (response) => {
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  },
  '/silent': () => {},
  '/to-file': (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/to-private': (response) => response.writeHead(302, { location: `http://127.0.0.1:${port}/ok` }).end(),
}

/** Zeros packed so many times: small to send, large to whoever inflates. */
function packed(times: number): Buffer {
  let bytes: Buffer = Buffer.alloc(1_000_000)
  for (let n = 0; n < times; n += 1) bytes = gzipSync(bytes)
  return bytes
}

const plainLimits = { maxBytes: 1_000, totalMs: 5_000, minBytesPerSecond: 1, userAgent: 'x' }

function selfSigned(): { key: string; cert: string } {
  const made = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      '-',
      '-out',
      '-',
    ],
    { encoding: 'utf8' },
  )
  const part = (name: string) =>
    new RegExp(`-----BEGIN ${name}-----[\\s\\S]*?-----END ${name}-----`).exec(made.stdout)?.[0] ?? ''
  return { key: part('PRIVATE KEY'), cert: part('CERTIFICATE') }
}

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536)
}

function answer(path: string, response: ServerResponse): void {
  const url = new URL(path, 'http://pub.test')
  const known = answers[url.pathname]
  const chain = /^\/chain(\d)$/.exec(url.pathname)
  const status = /^\/status\/(\d+)$/.exec(url.pathname)
  const to = url.searchParams.get('to')
  if (to !== null) response.writeHead(Number(url.searchParams.get('c')), { location: to }).end()
  else if (chain) {
    const left = Number(chain[1]) - 1
    response.writeHead(302, { location: left === 0 ? '/ok' : `/chain${left}` }).end()
  } else if (status) response.writeHead(Number(status[1])).end('no')
  else if (known) known(response)
  else response.end(SOUND)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-fetch-'))
  server = createServer((request, response) => {
    requests++
    seenHeaders = request.headers
    answer(request.url ?? '/', response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  dialled = []
  requests = 0
})

/** A small internet: names of the corpus, and every address leads to the test's server while saying it is itself. */
function fakeInternet(): Network {
  let rebinds = 0
  return {
    async resolve(host) {
      if (host === 'rebind.test') return [{ address: rebinds++ % 2 === 0 ? '93.184.216.34' : '127.0.0.1' }]
      const known = corpus.fakeDns[host]
      if (known) return known.map((address) => ({ address }))
      if (host.endsWith('.test')) return [{ address: '93.184.216.34' }]
      throw Object.assign(new Error(`no such name ${host}`), { code: 'ENOTFOUND' })
    },
    dial: ({ address }) => dialServer(address),
  }
}

function dialServer(address: string, peer = address): Promise<Socket> {
  dialled.push(address)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      Object.defineProperty(socket, 'remoteAddress', { value: peer })
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

const get = (url: string, more: Partial<FetchRequest> = {}) =>
  fetchToFile({
    url,
    target: join(folder, 'recording.bin'),
    maxBytes: 1_000_000,
    totalMs: 5000,
    minBytesPerSecond: 8000,
    allowedHosts: [],
    userAgent: 'Callsift test',
    network: fakeInternet(),
    ...more,
  })

async function failureOf(work: Promise<unknown>): Promise<Permanent | Retry | Later> {
  try {
    await work
  } catch (error) {
    if (isStepFailure(error) && 'class' in error) return error as Permanent | Retry | Later
    throw error
  }
  throw new Error('it passed')
}

describe('R01 to R146: links that must not be followed', () => {
  it.each(corpus.deny.filter(({ id }) => id !== 'D06').map((row) => [row.id, row.url, row.note ?? '']))(
    '%s %s %s',
    async (_id, url) => {
      const failure = await failureOf(get(url))
      expect(failure).toBeInstanceOf(Permanent)
      expect(['blocked_address', 'blocked_url']).toContain(failure.class)
      expect(dialled.filter((address) => !isGlobalAddress(address))).toEqual([])
    },
  )

  it('D06: a name that changes its address between check and use is asked once a hop, and the answer is dialled', async () => {
    const network = fakeInternet()
    await get('http://rebind.test/ok', { network })
    expect((await failureOf(get('http://rebind.test/ok', { network }))).class).toBe('blocked_address')
    expect(dialled).toEqual(['93.184.216.34'])
  })

  it('a peer that is not who was dialled is left before a byte is sent', async () => {
    const network: Network = { ...fakeInternet(), dial: ({ address }) => dialServer(address, '10.0.0.1') }
    expect((await failureOf(get('http://pub.test/ok', { network }))).class).toBe('blocked_address')
    expect(requests).toBe(0)
  })

  it('a redirect to another scheme, from https to http, or over the limit of three', async () => {
    expect((await failureOf(get('http://pub.test/to-file'))).class).toBe('blocked_url')
    expect((await failureOf(get('https://pub.test/r?to=http://pub.test/ok&c=302'))).message).toContain('https to http')
    expect((await get('http://pub.test/chain3')).bytes).toBe(SOUND.length)
    expect((await failureOf(get('http://pub.test/chain4'))).class).toBe('blocked_url')
  })

  it('keep their secrets out of what is said about them', async () => {
    const failure = await failureOf(get('http://pub.test/status/500?token=s3cret'))
    expect(JSON.stringify([failure.message, failure.hint])).not.toContain('s3cret')
  })
})

describe('R01 to R146: links that may', () => {
  it.each(corpus.allow.map((row) => [row.id, row.url]))('%s %s', async (_id, url) => {
    const fetched = await get(url)
    expect(await readFile(join(folder, 'recording.bin'))).toEqual(SOUND)
    expect(fetched.sha256).toBe(createHash('sha256').update(SOUND).digest('hex'))
    expect(fetched.finalUrl).not.toContain('?')
  })

  it('ask for bytes as they are, and send nothing else of ours', async () => {
    await get('http://pub.test/ok?signed=1')
    expect(seenHeaders['accept-encoding']).toBe('identity')
    expect(seenHeaders['user-agent']).toBe('Callsift test')
    expect(Object.keys(seenHeaders).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  })

  it('a private host that the configuration names, on its port only, over the real network', async () => {
    const request = {
      target: join(folder, 'r.bin'),
      maxBytes: 1000,
      totalMs: 5000,
      minBytesPerSecond: 1,
      userAgent: 'x',
      allowedHosts: [`127.0.0.1:${port}`],
    }
    expect((await fetchToFile({ ...request, url: `http://127.0.0.1:${port}/ok` })).bytes).toBe(SOUND.length)
    expect((await failureOf(fetchToFile({ ...request, url: 'http://127.0.0.1:80/ok' }))).class).toBe('blocked_address')
    expect((await failureOf(fetchToFile({ ...request, url: `http://localhost:${port}/ok` }))).class).toBe('blocked_url')
  })

  it('but not where a public page redirects there, nor a metadata service at all', async () => {
    const allowedHosts = [`127.0.0.1:${port}`, '169.254.169.254:80', 'meta.test:80']
    expect((await failureOf(get('http://pub.test/to-private', { allowedHosts }))).class).toBe('blocked_url')
    expect((await failureOf(get('http://169.254.169.254/', { allowedHosts }))).class).toBe('blocked_address')
    expect((await failureOf(get('http://meta.test/', { allowedHosts }))).class).toBe('blocked_address')
  })

  it('whatever HTTP_PROXY says', async () => {
    const before = process.env['HTTP_PROXY']
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:1'
    try {
      expect((await get('http://pub.test/ok')).bytes).toBe(SOUND.length)
    } finally {
      if (before === undefined) delete process.env['HTTP_PROXY']
      else process.env['HTTP_PROXY'] = before
    }
  })
})

describe('answers of a recording host', () => {
  it.each([
    [404, Later, 'recording_not_ready'],
    [410, Later, 'recording_not_ready'],
    [401, Retry, 'link_expired'],
    [403, Retry, 'link_expired'],
    [500, Retry, 'recording_host_error'],
    [429, Retry, 'recording_host_error'],
    [400, Permanent, 'recording_refused'],
  ] as const)('R147: %i', async (status, type, failureClass) => {
    const failure = await failureOf(get(`http://pub.test/status/${status}`))
    expect(failure).toBeInstanceOf(type)
    expect([failure.class, failure.httpStatus]).toEqual([failureClass, status])
  })

  it('R149: too large by the header or by the bytes', async () => {
    expect((await failureOf(get('http://pub.test/huge'))).class).toBe('too_large')
    expect((await failureOf(get('http://pub.test/endless'))).class).toBe('too_large')
  })

  it('R150: cut off', async () => {
    const failure = await failureOf(get('http://pub.test/broken'))
    expect(failure).toBeInstanceOf(Retry)
    expect(failure.class).toBe('recording_truncated')
  })

  it('R151: a drip, and nothing at all', async () => {
    expect((await failureOf(get('http://pub.test/drip', { windowMs: 200 }))).class).toBe('recording_too_slow')
    expect((await failureOf(get('http://pub.test/silent', { windowMs: 200 }))).class).toBe('recording_too_slow')
    expect((await failureOf(get('http://pub.test/drip', { totalMs: 200 }))).class).toBe('recording_timeout')
  })

  it.each(['/gzip', '/gzip-twice', '/gzip-six'])('R152: compressed (%s), and nothing inflated', async (path) => {
    expect((await failureOf(get(`http://pub.test${path}`))).class).toBe('not_audio')
  })

  it('R148: a login page in the place of the recording is kept as what it says it is, for the probe to refuse', async () => {
    const fetched = await get('http://pub.test/login')
    expect(fetched.contentType).toBe('text/html')
    await expect(probeAudio(join(folder, 'recording.bin'))).rejects.toMatchObject({ class: 'not_audio' })
  })

  it('R149: no file of a transfer that was cut off for its size stays', async () => {
    const target = join(folder, 'huge.bin')
    await failureOf(get('http://pub.test/endless', { target }))
    expect(existsSync(target)).toBe(false)
  })

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'R153: a certificate that is not valid (%s), and a step down to http',
    async (code) => {
      const network: Network = {
        ...fakeInternet(),
        dial: () => Promise.reject(Object.assign(new Error('refused'), { code })),
      }
      const failure = await failureOf(get('https://pub.test/ok', { network }))
      expect([failure.class, failure instanceof Permanent]).toEqual(['recording_tls_invalid', true])
      expect((await failureOf(get('https://pub.test/r?to=http://pub.test/ok&c=301'))).class).toBe('blocked_url')
    },
  )

  it('R153: a certificate of nobody, over the real network', async () => {
    const { key, cert } = selfSigned()
    const host = createTlsServer({ key, cert }, (_request, response) => response.end(SOUND))
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
    const own = (host.address() as AddressInfo).port
    const request = { ...plainLimits, target: join(folder, 'tls.bin'), allowedHosts: [`127.0.0.1:${own}`] }
    try {
      const failure = await failureOf(fetchToFile({ ...request, url: `https://127.0.0.1:${own}/ok` }))
      expect(failure.class).toBe('recording_tls_invalid')
    } finally {
      host.closeAllConnections()
      await new Promise((resolve) => host.close(resolve))
    }
  })

  it('R154: nothing of ours goes along a redirect to another host', async () => {
    await get('http://pub.test/r?to=http://other.test/ok&c=302')
    expect(seenHeaders['host']).toBe('other.test')
    expect(Object.keys(seenHeaders).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  })

  it('R155: a name in the answer names no file', async () => {
    const before = await readdir(folder)
    await get('http://pub.test/named')
    expect((await readdir(folder)).filter((name) => !before.includes(name) && name !== 'recording.bin')).toEqual([])
    expect(await readFile(join(folder, 'recording.bin'))).toEqual(SOUND)
  })

  it('nobody there, no such name', async () => {
    const refused: Network = {
      ...fakeInternet(),
      dial: () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
    }
    expect((await failureOf(get('http://pub.test/ok', { network: refused }))).class).toBe('recording_host_unreachable')
    expect((await failureOf(get('http://nowhere.example/ok'))).class).toBe('recording_host_unreachable')
    const expired: Network = {
      ...fakeInternet(),
      dial: () => Promise.reject(Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' })),
    }
    expect((await failureOf(get('https://pub.test/ok', { network: expired }))).class).toBe('recording_tls_invalid')
  })

  it('leave no file behind when they fail, and an abort is the caller’s own', async () => {
    const abort = new AbortController()
    const target = join(folder, 'aborted.bin')
    const fetching = get('http://pub.test/drip', { target, signal: abort.signal })
    abort.abort(new Error('shutting down'))
    await expect(fetching).rejects.toThrow('shutting down')
    await failureOf(get('http://pub.test/broken', { target }))
    expect(existsSync(target)).toBe(false)
    expect((await readdir(folder)).filter((name) => name === 'aborted.bin')).toEqual([])
  })
})

describe('a stream from elsewhere', () => {
  const limits = { maxBytes: 100, totalMs: 1000, minBytesPerSecond: 1 }
  it('is saved with its hash, within the same limits', async () => {
    const target = join(folder, 'stream.bin')
    const saved = await saveStream(Readable.from([SOUND]), target, limits)
    expect(saved).toEqual({ bytes: SOUND.length, sha256: createHash('sha256').update(SOUND).digest('hex') })
    expect((await failureOf(saveStream(Readable.from([Buffer.alloc(101)]), target, limits))).class).toBe('too_large')
    expect(existsSync(target)).toBe(false)
    const stuck = new Readable({ read() {} })
    expect((await failureOf(saveStream(stuck, target, { ...limits, windowMs: 50 }))).class).toBe('recording_too_slow')
    expect(stuck.destroyed).toBe(true)
  })
})

describe('addresses', () => {
  const v4 = (first: fc.Arbitrary<string>) =>
    fc.tuple(first, fc.nat(255), fc.nat(255)).map(([head, c, d]) => `${head}.${c}.${d}`)
  const privateV4 = v4(
    fc.oneof(
      fc.nat(255).map((b) => `10.${b}`),
      fc.nat(255).map((b) => `127.${b}`),
      fc.integer({ min: 16, max: 31 }).map((b) => `172.${b}`),
      fc.constant('192.168'),
      fc.constant('169.254'),
    ),
  )

  it('of private networks are found in every form they can be written in', () => {
    fc.assert(
      fc.property(privateV4, (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        for (const form of [
          address,
          `::ffff:${address}`,
          `::ffff:${hex}`,
          `::${address}`,
          `64:ff9b::${hex}`,
          `2002:${hex}::`,
          `2001:0:${hex}::1`,
          `::ffff:0:${hex}`,
        ]) {
          if (isGlobalAddress(form)) return false
        }
        const host = new URL(`http://${((a << 24) | (b << 16) | (c << 8) | d) >>> 0}/`).hostname
        return !isGlobalAddress(host)
      }),
      { numRuns: 1000 },
    )
  })

  it('E1: five thousand spellings of addresses inside, as links, reach nobody', () => {
    const octet = fc.nat(255)
    const insides = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), octet, octet, octet),
      fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
      fc.tuple(fc.integer({ min: 224, max: 255 }), octet, octet, octet),
    )
    const spell = (value: number, style: number) =>
      style === 0 ? String(value) : style === 1 ? `0x${value.toString(16)}` : `0${value.toString(8)}`
    const wide = (text: string) =>
      text.replace(/[0-9.]/g, (letter) => (letter === '.' ? '。' : String.fromCodePoint(0xff10 + Number(letter))))
    const spellings = fc
      .tuple(
        insides,
        fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
        fc.nat(13),
        fc.constantFrom('http', 'HTTP', 'https'),
      )
      .map(([[a, b, c, d], styles, form, scheme]) => {
        const whole = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        const dotted = `${a}.${b}.${c}.${d}`
        const part = (value: number, place: number) => spell(value, styles[place] ?? 0)
        const hosts = [
          [a, b, c, d].map(part).join('.'),
          part(whole, 0),
          `${part(a, 0)}.${part(whole & 0xffffff, 1)}`,
          `${part(a, 0)}.${part(b, 1)}.${part(whole & 0xffff, 2)}`,
          wide(dotted),
          encodeURIComponent(dotted).replaceAll('.', '%2e'),
          `[::ffff:${dotted}]`,
          `[::ffff:${hex}]`,
          `[0:0:0:0:0:ffff:${hex}]`,
          `[::${dotted}]`,
          `[64:ff9b::${hex}]`,
          `[2002:${hex}::1]`,
          `[2001:0:${hex}::]`,
          `[::ffff:0:${hex}]`,
        ]
        return `${scheme}://${hosts[form]}/`
      })
    fc.assert(
      fc.property(spellings, (link) => {
        try {
          checkUrl(link, [])
        } catch (error) {
          return error instanceof Permanent && /^blocked_/.test(error.class)
        }
        return false
      }),
      { numRuns: 5_000 },
    )
  })

  it('of everybody are let pass; what is no address is not', () => {
    for (const address of ['8.8.8.8', '93.184.216.34', '2606:2800:220:1::1', '2a00:1450::1'])
      expect(isGlobalAddress(address)).toBe(true)
    for (const address of ['', 'localhost', '1.2.3', '999.1.1.1', 'fe80::1%eth0', '::', '::1'])
      expect(isGlobalAddress(address)).toBe(false)
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', 'fd00:ec2::254', '224.0.0.1'])
      expect(isForbiddenAddress(address)).toBe(true)
    for (const address of ['10.0.0.5', '127.0.0.1', '::1', 'fd12::1', '192.168.1.1'])
      expect(isForbiddenAddress(address)).toBe(false)
  })
})
