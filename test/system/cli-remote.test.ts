import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { OperationFailed } from '../../src/cli/print-failure.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { verbs } from '../../src/cli/verbs.ts'
import { createToken } from '../../src/db/tokens.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'
import { launch } from '../support/launch.ts'
import { seedCalls } from '../support/seed-calls.ts'

// The command line against a service that is served elsewhere: over its API, with the rights of the token, and nothing opened here.
describe('the command line on the API of a served instance', () => {
  let http: HttpApp
  let token = ''

  /** A verb as `main.ts` runs it, with what it says kept apart; over HTTP to the served instance. */
  const run = async (...args: string[]) => {
    const out: string[] = []
    const notes: string[] = []
    let json: unknown
    const terminal: Terminal = {
      interactive: false,
      line: (text = '') => void out.push(text),
      json: (value) => {
        json = value
      },
      note: (text) => void notes.push(text),
      progress: () => undefined,
      paint: (_style, text) => text,
    }
    const program = new Command('callsift').enablePositionalOptions().exitOverride()
    for (const add of verbs) add(program, terminal)
    await program.parseAsync(args, { from: 'user' })
    return { out, notes, json: json as Record<string, never> }
  }
  const table = (lines: readonly string[]) => lines.slice(1).map((line) => line.split(/ {2,}/))

  beforeAll(async () => {
    http = await startHttpApp()
    await http.addPortal()
    await seedCalls(http.app.db, 'acme', { calls: 120, failures: 20 })
    token = (await createToken(http.app.db, 'ops', { role: 'admin' })).token
    vi.stubEnv('CALLSIFT_URL', http.server.url)
    vi.stubEnv('CALLSIFT_TOKEN', token)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await http.close()
  })

  test('callsift calls lists, narrows and pages, for people and as JSON', async () => {
    const first = await run('calls', '--limit', '50')
    expect(first.out[0]).toMatch(/^ID +TAKEN IN +PORTAL +PHONE +STATE +VERDICT +ENTRY$/)
    expect(table(first.out)).toHaveLength(50)
    const ids = new Set(table(first.out).map((row) => row[0]))
    let notes = first.notes
    for (let pages = 1; notes.length > 0; pages += 1) {
      expect(pages).toBeLessThan(4)
      const cursor = /^More: --cursor (\d+)$/.exec(notes[0] ?? '')?.[1] ?? ''
      const next = await run('calls', '--limit', '50', '--cursor', cursor)
      for (const row of table(next.out)) {
        expect(ids.has(row[0])).toBe(false)
        ids.add(row[0])
      }
      notes = next.notes
    }
    expect(ids.size).toBe(120)
    const { json } = await run('calls', '--status', 'parked', '--cause', 'access_denied', '--json')
    const { calls, nextCursor } = json as unknown as { calls: { state: string; class: string }[]; nextCursor: null }
    expect(calls).toHaveLength(4)
    expect(new Set(calls.map((call) => `${call.state} ${call.class}`))).toEqual(new Set(['parked access_denied']))
    expect(nextCursor).toBeNull()
    expect((await run('calls', '--q', '+74950000007')).out).toHaveLength(2)
    expect((await run('calls', '--portal', 'nobody')).out).toEqual(['There are no such calls.'])
    await expect(run('calls', '--status', 'lost')).rejects.toThrow(/status/)
  })

  test('callsift retry --cause --dry-run counts and says what is paid again; with --yes it is done in the background', async () => {
    const counted = await run('retry', '--cause', 'access_denied', '--from', 'transcribe', '--dry-run')
    expect(counted.notes).toEqual([
      '4 calls match, 4 would be retried.',
      expect.stringMatching(/^May be paid again: transcribePart, .*classifyLead\.$/),
    ])
    expect(counted.out).toEqual([])
    const { retries } = (await http.operate('retry.list')).answer as { retries: unknown[] }
    expect(retries).toEqual([])
    const dry = await run('retry', '--cause', 'access_denied', '--dry-run', '--json')
    expect(dry.json).toMatchObject({ retryId: null, matched: 4, accepted: 4, paid: { again: [] } })
    await expect(run('retry', '--cause', 'access_denied')).rejects.toThrow('nobody is there to ask')
    const started = await run('retry', '--cause', 'access_denied', '--yes')
    expect(started.out[0]).toMatch(/^Retry \d+ of 4 calls has begun/)
    await expect(run('retry')).rejects.toThrow('Which calls?')
    await expect(run('retry', '--cause', 'access_denied', '--from', 'nowhere', '--dry-run')).rejects.toThrow(
      'no step nowhere',
    )
  })

  test('callsift user adds, lists, changes, resets, disables and removes, by name', async () => {
    const added = await run('user', 'add', 'anna', '--role', 'viewer')
    expect(added.out[0]).toMatch(new RegExp(`^${http.server.url}/login/[\\w-]{43}$`))
    expect((await run('user', 'role', 'Anna', 'operator')).out).toEqual(['anna is operator now.'])
    expect((await run('user', 'link', 'anna', '--reset')).out[0]).toMatch(/\/login\/[\w-]{43}$/)
    expect((await run('user', 'disable', 'anna')).out).toEqual(['anna is kept out.'])
    const listed = await run('user', 'list')
    expect(listed.out.find((line) => line.includes('anna'))).toMatch(/operator +disabled/)
    expect((await run('user', 'enable', 'anna')).out).toEqual(['anna may come in again.'])
    expect((await run('user', 'remove', 'anna', '--json')).json).toMatchObject({ removed: true, name: 'anna' })
    await expect(run('user', 'role', 'anna', 'admin')).rejects.toThrow('There is no user anna.')
  })

  test('with the rights of the token, and only over TLS or on this machine', async () => {
    vi.stubEnv('CALLSIFT_TOKEN', (await createToken(http.app.db, 'reports', { role: 'viewer' })).token)
    const { out } = await run('calls', '--limit', '1')
    expect(out[1]).toMatch(/\*\*\*\d{4}/)
    await expect(run('retry', '--cause', 'access_denied', '--dry-run')).rejects.toBeInstanceOf(OperationFailed)
    vi.stubEnv('CALLSIFT_TOKEN', 'callsift_nobody-knows-this-one')
    await expect(run('calls')).rejects.toThrow('An API token in force is needed.')
    vi.stubEnv('CALLSIFT_URL', 'http://callsift.example.com')
    await expect(run('calls')).rejects.toThrow('in clear text')
    vi.stubEnv('CALLSIFT_URL', http.server.url)
    vi.stubEnv('CALLSIFT_TOKEN', token)
  })

  test('as a process of its own: --help teaches, and an answer as JSON is all that stands on stdout', async () => {
    const folder = { CALLSIFT_URL: http.server.url, CALLSIFT_TOKEN: token, CALLSIFT_DATA: '/nonexistent/and-not-made' }
    const [help, answer] = [launch(['retry', '--help'], {}), launch(['calls', '--limit', '2', '--json'], folder)]
    expect((await help.ended).code).toBe(0)
    expect(help.said()).toContain('callsift retry --cause ai_provider_timeout --from transcribe --dry-run')
    expect(help.said()).toContain('Examples:')
    expect((await answer.ended).code).toBe(0)
    expect((JSON.parse(answer.said()) as { calls: unknown[] }).calls).toHaveLength(2)
  })
})
