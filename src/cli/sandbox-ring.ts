import type { CreatedCall } from '../sandbox/calls.ts'
import type { Portal } from '../sandbox/portal.ts'
import type { Recording } from '../sandbox/recordings.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { delay, ringAll, watchEntries } from './demo-calls.ts'
import { printEntry } from './demo-view.ts'
import type { Terminal } from './terminal.ts'

const lookMs = 100
const ringGapMs = 300

/**
 * Waits until a service has told the portal where its events go, lets each recording ring once, and shows each entry as the
 * portal takes it, until `signal`. Nothing rings while nobody listens: an event is sent once, and would be lost.
 */
export async function ringOnce(
  terminal: Terminal,
  sandbox: Sandbox,
  portal: Portal,
  signal: AbortSignal,
): Promise<void> {
  while (portal.webhookUrl === undefined) {
    if (signal.aborted) return
    await delay(lookMs, signal)
  }
  const calls = new Map<string, { call: CreatedCall; recording: Recording }>()
  const ringing = ringAll(sandbox, portal.name, ringGapMs, signal, (call, recording) => {
    calls.set(String(call.dealId ?? call.leadId), { call, recording })
    terminal.line(`SANDBOX: call ${call.callId} ended; its event goes to ${portal.webhookUrl}`)
  })
  await watchEntries({
    sandbox,
    calls,
    signal,
    sinceStart: () => process.uptime(),
    onEntry: (entry) => printEntry(terminal, entry),
    isOver: async () => false,
  })
  await ringing
}
