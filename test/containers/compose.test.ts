import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStack, type Stack } from '../support/compose.ts'

const recordings = 8

describe('docker compose up, with no settings', () => {
  let stack: Stack
  let upSeconds = 0
  const startedAt = performance.now()
  beforeAll(async () => {
    stack = await openStack()
    await stack.compose('build')
    const beganAt = performance.now()
    await stack.compose('up', '--detach', '--wait')
    upSeconds = (performance.now() - beganAt) / 1000
  }, 600_000)
  afterAll(async () => {
    await stack?.compose('down', '--volumes', '--timeout', '5')
  }, 120_000)

  async function allWritten(count: number): Promise<void> {
    await stack.until(
      async () => ((await stack.entries()).length >= count ? true : undefined),
      150_000,
      `${count} entries`,
    )
    const entries = await stack.entries()
    expect(entries).toHaveLength(count)
    expect(new Set(entries.map((entry) => entry.entityId)).size).toBe(count)
  }

  async function ring(count: number): Promise<void> {
    await stack.control('POST', 'calls/bulk', { portals: ['sandbox'], count, entity: 'deal' })
  }

  test('the calls that ring by themselves become one entry each, and the log shows them', async () => {
    await allWritten(recordings)
    const log = await stack.compose('logs', '--no-log-prefix', 'sandbox')
    expect(log.match(/AI classification: (high|medium|low) \(\d+\/100\)/g)).toHaveLength(recordings)
    process.stderr.write(
      `up --wait took ${upSeconds.toFixed(1)} s; ${recordings} entries after ${((performance.now() - startedAt) / 1000).toFixed(1)} s with the build\n`,
    )
  }, 120_000)

  test('everything says SANDBOX', async () => {
    const answer = await fetch(`${stack.url}/livez`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-callsift-mode')).toBe('SANDBOX')
    for (const service of ['serve', 'work', 'sandbox'])
      expect(await stack.compose('logs', service)).toContain('SANDBOX')
    expect(await stack.compose('exec', '-T', 'serve', 'callsift', 'status')).toContain('SANDBOX')
  }, 60_000)

  test('each container is healthy, bounded, without rights, and cannot write to itself', async () => {
    const running = (await stack.inspect()).filter((one) => one.State.Status === 'running')
    expect(running).toHaveLength(6)
    for (const one of running) {
      expect(one.State.Health?.Status, one.Name).toBe('healthy')
      expect(one.HostConfig.ReadonlyRootfs, one.Name).toBe(true)
      expect(one.HostConfig.CapDrop, one.Name).toEqual(['ALL'])
      expect(one.HostConfig.SecurityOpt, one.Name).toContain('no-new-privileges:true')
      expect(one.HostConfig.Memory, one.Name).toBeGreaterThan(0)
      expect(one.HostConfig.PidsLimit, one.Name).toBeGreaterThan(0)
      expect(one.Config.User, one.Name).not.toMatch(/^(0(:.*)?|root|)$/)
    }
    const tried = await stack.compose(
      'exec',
      '-T',
      'work',
      'sh',
      '-c',
      'id -u; find /app ! -user root; cat /app/dist/code-cache/*/* > /dev/null && echo readable; touch /app/x 2>&1 || touch /data/x && echo "data only"',
    )
    expect(tried).toMatch(/^10001\nreadable\n.*Read-only file system\ndata only\n$/)
    await expect(stack.compose('exec', '-T', 'serve', 'sh', '-c', 'command -v npm npx gcc make git')).rejects.toThrow()
  }, 60_000)

  test('one port is published, to this machine; no secret stands in an environment', async () => {
    const all = await stack.inspect()
    const published = all.flatMap((one) =>
      Object.values(one.NetworkSettings.Ports).flatMap((places) =>
        (places ?? []).map((place) => `${one.Config.Labels['com.docker.compose.service']} ${place.HostIp}`),
      ),
    )
    expect(published).toEqual(['serve 127.0.0.1'])
    const databaseUrl = (await stack.compose('exec', '-T', 'serve', 'cat', '/run/callsift/database-url')).trim()
    const password = new URL(databaseUrl).password
    expect(password.length).toBeGreaterThanOrEqual(32)
    expect(all.flatMap((one) => one.Config.Env).filter((line) => line.includes(password))).toEqual([])
  }, 60_000)

  test('a worker that is killed over its work costs no call and writes none twice', async () => {
    const count = 6
    await ring(count)
    await stack.until(
      async () => {
        const shown = await stack.compose('exec', '-T', 'serve', 'callsift', 'status', '--json')
        return (JSON.parse(shown) as { runs: { running: number } }).runs.running > 0 ? true : undefined
      },
      30_000,
      'a running call',
    )
    // From inside, as a crash would: an engine does not restart what its own `kill` ended.
    await stack
      .compose('exec', '-T', '--index', '1', 'work', 'sh', '-c', 'kill -9 $(pidof node)')
      .catch(() => undefined)
    await allWritten(recordings + count)
    await stack.until(
      async () => {
        const workers = await stack.inspect('work')
        const back = workers.some((one) => one.RestartCount === 1)
        return back && workers.every((one) => one.State.Health?.Status === 'healthy') ? true : undefined
      },
      90_000,
      'the killed worker is back and healthy',
    )
  }, 240_000)

  test('stopping in the middle of work drains within its time, and the next start goes on', async () => {
    const count = 6
    const before = (await stack.entries()).length
    const chats = async () =>
      (await stack.control<{ route: string }[]>('GET', 'requests')).filter((one) => one.route === 'chat').length
    const judgedBefore = await chats()
    await stack.control('POST', 'faults', { route: 'chat', kind: 'slow', delayMs: 3_000 })
    await ring(count)
    // In the middle of a paid request: what the drain is for.
    await stack.until(async () => ((await chats()) > judgedBefore ? true : undefined), 60_000, 'a judgement under way')
    const beganAt = performance.now()
    await stack.compose('stop', 'serve', 'work')
    const stopSeconds = (performance.now() - beganAt) / 1000
    const stopped = [...(await stack.inspect('serve')), ...(await stack.inspect('work'))]
    expect(stopped.map((one) => one.State.ExitCode)).toEqual([0, 0, 0])
    expect(stopSeconds).toBeLessThan(40)
    process.stderr.write(`stop took ${stopSeconds.toFixed(1)} s\n`)
    await stack.control('DELETE', 'faults')
    await stack.compose('up', '--detach', '--wait')
    await allWritten(before + count)
    expect(await chats(), 'no judgement was paid for twice').toBe(judgedBefore + count)
  }, 300_000)
})
