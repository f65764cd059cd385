import type { Command } from 'commander'
import { z } from 'zod'
import { choosePortalId } from './choose-portal.ts'
import { withOperations } from './operations.ts'
import { readSettings } from './options.ts'
import type { Terminal } from './terminal.ts'

const Started = z.object({ id: z.string(), workflow: z.string(), portalId: z.string() })

/** Starts a workflow over a portal, and says where it can be followed. */
export async function startBatch(
  command: Command,
  terminal: Terminal,
  wanted: {
    workflow: string
    input: Readonly<Record<string, unknown>>
    portal?: string | undefined
    json?: boolean | undefined
  },
): Promise<void> {
  const { config, log } = readSettings(command, true)
  await withOperations(config, log, async (operations) => {
    const portalId = await choosePortalId(operations, wanted.portal)
    const input = Object.fromEntries(Object.entries(wanted.input).filter(([, value]) => value !== undefined))
    const started = await operations.ask('batch.start', { workflow: wanted.workflow, portalId, input }, Started)
    if (wanted.json === true) return terminal.json(started)
    terminal.line(`Batch ${started.id} is on its way: callsift batch show ${started.id}`)
    if (operations.app !== null && !config.hasDatabase)
      terminal.note('Nothing works on it yet: start `callsift serve`.')
  })
}
