import { connect } from 'node:net'
import { request } from 'undici'
import { z } from 'zod'
import type { App } from '../context.ts'
import { savePortal } from '../db/portals.ts'
import { UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'

const Facts = z.object({
  url: z.url(),
  apiKey: z.string(),
  memberId: z.string(),
  applicationToken: z.string(),
  domain: z.string(),
})
const patienceMs = 5_000

/**
 * Makes this service the listener of a sandbox that runs elsewhere (`callsift sandbox`): its portal is saved here, and then it is
 * told where to send its events. Throws `UsageError` (exit 69) when nothing there answers as a sandbox does.
 */
export async function joinSandboxAt(app: App, sandboxUrl: string, port: number): Promise<void> {
  const facts = await register(sandboxUrl, {})
  await savePortal(app.db, app.sealer, {
    id: 'sandbox',
    memberId: facts.memberId,
    domain: facts.domain,
    name: 'SANDBOX',
    baseUrl: facts.url,
    apiKey: facts.apiKey,
    applicationToken: facts.applicationToken,
    writeEnabled: true,
    sandbox: true,
    // Its recordings are in two languages, and it hears which.
    settings: { language: 'auto' },
  })
  // Only now: an event of a portal that is not known yet would be refused, and events are never sent again.
  const host = await addressTowards(sandboxUrl)
  await register(sandboxUrl, { webhookUrl: `http://${host}:${port}/webhooks/bitrix24` })
}

async function register(sandboxUrl: string, more: { webhookUrl?: string }): Promise<z.output<typeof Facts>> {
  try {
    const answer = await request(`${sandboxUrl}/__sandbox/portals`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'sandbox', ...more }),
      headersTimeout: patienceMs,
      bodyTimeout: patienceMs,
    })
    return Facts.parse(await answer.body.json())
  } catch (error) {
    throw new UsageError(
      `No sandbox answers at ${sandboxUrl}: ${error instanceof z.ZodError ? 'what is there speaks otherwise' : String(error)}.`,
      {
        hint: 'Start `callsift sandbox` there, or leave CALLSIFT_SANDBOX_URL out: then the sandbox runs in this process.',
        exitCode: exitCodes.unavailable,
      },
    )
  }
}

/** The address under which that machine sees us. In a container nobody else knows it, and it changes with every start. */
async function addressTowards(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url)
  const socket = connect(Number(port) || (protocol === 'https:' ? 443 : 80), hostname.replace(/^\[|\]$/g, ''))
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve())
      socket.once('error', reject)
      socket.setTimeout(patienceMs, () => reject(new Error(`no connection to ${url} within ${patienceMs} ms`)))
    })
    const address = (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:(?=\d+\.)/, '')
    return address.includes(':') ? `[${address}]` : address
  } finally {
    socket.destroy()
  }
}
