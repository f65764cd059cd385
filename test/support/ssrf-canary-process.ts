/**
 * Runs inside a network namespace of its own, in which every address of the corpus is this machine: whatever a fetch reaches, it
 * reaches the canary here, and no packet leaves. Writes what was reached, and how each row ended, as JSON on stdout.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isGlobalAddress } from '../../src/audio/addresses.ts'
import { fetchToFile } from '../../src/audio/fetch.ts'
import { systemNetwork } from '../../src/audio/guarded-connect.ts'

interface Corpus {
  readonly fakeDns: Record<string, string[]>
  readonly deny: { id: string; url: string }[]
  readonly allow: { id: string; url: string }[]
}
const corpus = JSON.parse(await readFile(new URL('../fixtures/ssrf.json', import.meta.url), 'utf8')) as Corpus

const inside = [
  '10.99.0.1/8',
  '172.16.0.1/12',
  '192.168.1.1/16',
  '169.254.169.254/16',
  '168.63.129.16/32',
  '100.64.0.1/10',
  '192.0.2.1/24',
  '198.51.100.1/24',
  '203.0.113.1/24',
  '192.88.99.1/24',
  '192.31.196.1/24',
  '192.52.193.1/24',
  '93.184.216.34/32',
]
const inside6 = [
  'fd00::1/8',
  'fc00::1/8',
  'fec0::1/10',
  '64:ff9b::7f00:1/96',
  '64:ff9b:1::a9fe:a9fe/96',
  '2002:a9fe:a9fe::/16',
  '2001:db8::1/32',
  '100::1/64',
  '2606:2800:220:1::1/128',
]
execFileSync('ip', ['link', 'set', 'lo', 'up'])
for (const address of inside) execFileSync('ip', ['addr', 'add', address, 'dev', 'lo'])
for (const address of inside6) execFileSync('ip', ['-6', 'addr', 'add', address, 'dev', 'lo', 'nodad'])

const reached: string[] = []
const canary = createServer((request, response) => {
  const address = (request.socket.localAddress ?? '').replace(/^::ffff:/, '')
  reached.push(address)
  const url = new URL(request.url ?? '/', 'http://pub.test')
  const to = url.searchParams.get('to')
  const chain = /^\/chain(\d)$/.exec(url.pathname)?.[1]
  if (to !== null) response.writeHead(Number(url.searchParams.get('c')), { location: to }).end()
  else if (url.pathname === '/loop') response.writeHead(302, { location: '/loop' }).end()
  else if (chain !== undefined)
    response.writeHead(302, { location: chain === '1' ? '/ok' : `/chain${Number(chain) - 1}` }).end()
  else response.end('the canary sings')
})
for (const port of [80, 22, 6379]) {
  await new Promise<void>((resolve, reject) => {
    const server = port === 80 ? canary : createServer((request) => reached.push(`port ${request.socket.localPort}`))
    server.once('error', reject)
    server.listen(port, '::', resolve)
  })
}

let turns = 0
const network = {
  ...systemNetwork,
  resolve: async (host: string) => {
    if (host === 'rebind.test') return [{ address: turns++ % 2 === 0 ? '93.184.216.34' : '127.0.0.1' }]
    return (corpus.fakeDns[host] ?? ['93.184.216.34']).map((address) => ({ address }))
  },
}
const folder = await mkdtemp(join(tmpdir(), 'callsift-canary-'))
const fetchRow = async (url: string): Promise<string> => {
  try {
    await fetchToFile({
      url,
      target: join(folder, 'r'),
      maxBytes: 1_000,
      totalMs: 3_000,
      minBytesPerSecond: 1,
      allowedHosts: [],
      userAgent: 'x',
      network,
    })
    return 'passed'
  } catch (error) {
    return error instanceof Error && 'class' in error ? String(error.class) : `unclassified: ${String(error)}`
  }
}
const ended: Record<string, string> = {}
for (const { id, url } of [...corpus.deny, ...corpus.allow]) ended[id] = await fetchRow(url)
// Each name once more: the second answer of one that rebinds is the inside.
for (const { url } of corpus.deny) await fetchRow(url)

/** The same canary is reached where nobody guards: else a silent one would prove nothing. */
const unguarded: string[] = []
for (const address of ['127.0.0.1', '169.254.169.254', '10.99.0.1', '[fd00::1]']) {
  const answer = await fetch(`http://${address}/`).catch(() => null)
  if ((await answer?.text()) === 'the canary sings') unguarded.push(address)
}
const guarded = reached.slice(0, reached.length - unguarded.length)
process.stdout.write(
  JSON.stringify({
    ended,
    leaks: guarded.filter((address) => !isGlobalAddress(address)),
    unguarded,
    reached: guarded.length,
  }),
)
await rm(folder, { recursive: true })
process.exit(0)
