import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'

async function runDemo(): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'demo', '--once'], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (piece) => {
    out += piece
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out }
}

test('demo --once: eight calls, eight entries in two languages, its own verdict each; it ends by itself', async () => {
  let firstEntrySeconds = Number.POSITIVE_INFINITY
  // Every run must be right. For the time, the best of three counts: the suite's other files share the cores meanwhile.
  for (let attempt = 1; attempt <= 3 && firstEntrySeconds > 15; attempt += 1) {
    const { code, out } = await runDemo()
    expect(code).toBe(0)
    const entries = [...out.matchAll(/^ +([\d.]+) s {2}AI classification: (high|medium|low) \((\d+)\/100\)/gm)]
    expect(entries).toHaveLength(8)
    expect(new Set([...out.matchAll(/ref: ([0-9a-f]{8})/g)].map((match) => match[1])).size).toBe(8)
    expect(new Set(entries.map((entry) => entry[2])).size).toBe(3)
    expect(out.match(/^ +RU, /gm)).toHaveLength(4)
    expect(out.match(/^ +EN, /gm)).toHaveLength(4)
    expect(out).toMatch(/The service is running at http:\/\/127\.0\.0\.1:\d+/)
    firstEntrySeconds = Math.min(firstEntrySeconds, Number(entries[0]?.[1]))
  }
  expect(firstEntrySeconds).toBeLessThanOrEqual(15)
}, 180_000)
