import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const corpus = JSON.parse(readFileSync(new URL('../fixtures/ssrf.json', import.meta.url), 'utf8')) as {
  deny: { id: string }[]
  allow: { id: string }[]
}
/** As root a namespace of the network's own; else one of users as well, where the kernel lets anybody have it. */
const flags = [['-n'], ['-rn']].find(
  (one) => spawnSync('unshare', [...one, 'ip', 'link', 'set', 'lo', 'up']).status === 0,
)
if (flags === undefined)
  process.stderr.write(
    'NOT RUN: canaries behind the guarded fetch: this machine makes no network namespaces (unshare -n, ip).\n',
  )

test.skipIf(flags === undefined)(
  'E1 in a namespace where every address is a canary, no row of the corpus reaches one that is not public',
  () => {
    const run = spawnSync(
      'unshare',
      [
        ...(flags ?? []),
        process.execPath,
        '--import',
        'tsx',
        fileURLToPath(new URL('../support/ssrf-canary-process.ts', import.meta.url)),
      ],
      { encoding: 'utf8', timeout: 60_000 },
    )
    expect(run.status, run.stderr).toBe(0)
    const { ended, leaks, unguarded, reached } = JSON.parse(run.stdout) as {
      ended: Record<string, string>
      leaks: string[]
      unguarded: string[]
      reached: number
    }
    expect(leaks).toEqual([])
    // Without the guard the very same addresses answer.
    expect(unguarded).toEqual(['127.0.0.1', '169.254.169.254', '10.99.0.1', '[fd00::1]'])
    expect(reached).toBeGreaterThan(5)
    for (const { id } of corpus.deny.filter((row) => row.id !== 'D06'))
      expect(['blocked_url', 'blocked_address'], `${id} ${ended[id]}`).toContain(ended[id])
    for (const { id } of corpus.allow) expect(ended[id], id).toBe('passed')
  },
)
