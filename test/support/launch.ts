import { type ChildProcess, spawn } from 'node:child_process'
import { request } from 'undici'

/** One process of the program with an environment of the test's own, its log kept for the message of a test that fails. */
export interface ServiceOfTest {
  readonly child: ChildProcess
  /** Resolves with the exit code and the signal. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>
  said(): string
}

export function launch(args: readonly string[], env: Record<string, string>, input?: Buffer): ServiceOfTest {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  let said = ''
  const keep = (piece: Buffer) => {
    said = (said + piece.toString()).slice(-8_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  // `close`, not `exit`: what was written has arrived by then.
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, ended, said: () => said }
}

/** Ends whatever still runs, as the last thing of a test. */
export async function endAll(services: Iterable<ServiceOfTest>): Promise<void> {
  for (const one of services) one.child.kill('SIGKILL')
  await Promise.all([...services].map((one) => one.ended))
}

export async function isLive(origin: string): Promise<boolean> {
  try {
    const answer = await request(`${origin}/livez`)
    await answer.body.dump()
    return answer.statusCode === 200
  } catch {
    return false
  }
}

export async function until(
  look: () => boolean | Promise<boolean>,
  what: () => string,
  withinMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Posts an event; what came back, or `null` where no connection was to be had. */
export async function postEvent(origin: string, form: string): Promise<number | null> {
  try {
    const answer = await request(`${origin}/webhooks/bitrix24`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
      headersTimeout: 10_000,
    })
    await answer.body.dump()
    return answer.statusCode
  } catch {
    return null
  }
}
