import { type Command, Option } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Opened = z.object({ opened: z.array(z.object({ keyId: z.string(), name: z.string() })) })

export function addGate(program: Command, terminal: Terminal): void {
  const gate = program
    .command('gate')
    .summary('"fixed it": open what a wrong key or an empty balance has closed')
    .description('Gates stand between the program and the upstream. `status` lists the closed ones.')
  const open = gate
    .command('open')
    .description(
      "Opens the gates that a person's matter has closed; everything behind them goes on. They are also probed each minute, and open by themselves.",
    )
    .argument('[name]', 'key, ai, ai:MODEL, crm, portal, bot or im; without it all that wait for a person')
    .option('--key <id>', "the key's id as `status` shows it, or its beginning")
    .option('--json', 'answer as JSON')
  withExamples(open, ['callsift gate open', 'callsift gate open ai --key 1f2e3d4c'])
  open.action(async (name: string | undefined, options: { key?: string; json?: boolean }) => {
    const { config, log } = readSettings(open, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('gate.open', { name, keyId: options.key }, Opened),
    )
    if (options.json === true) return terminal.json(answer)
    for (const one of answer.opened) terminal.line(`Opened ${one.name} of key ${one.keyId.slice(0, 8)}.`)
  })
}

const Deliveries = z.object({
  deliveries: z.array(
    z.looseObject({
      id: z.string(),
      receivedAt: z.string(),
      portalId: z.string().nullable(),
      source: z.string(),
      event: z.string().nullable(),
      outcome: z.string(),
      reason: z.string().nullable(),
      callId: z.string().nullable(),
      sentence: z.string().nullable(),
      mend: z.string().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
})

interface DeliveriesOptions {
  readonly portal?: string
  readonly outcome?: string
  readonly limit: number
  readonly cursor?: string
  readonly json?: boolean
}

export function addDeliveries(program: Command, terminal: Terminal): void {
  const command = program
    .command('deliveries')
    .summary('what came in, and what became of it')
    .description(
      'Lists events, robots and API calls as they came in, also those that were ignored or refused, with the reason.',
    )
    .option('--portal <id>', 'of this portal')
    .addOption(
      new Option('--outcome <word>', 'accepted, duplicate, ignored or refused').choices([
        'accepted',
        'duplicate',
        'ignored',
        'refused',
      ]),
    )
    .option('--limit <number>', 'so many', wholeNumber(1, 200), 50)
    .option('--cursor <id>', 'go on after the last page')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift deliveries', 'callsift deliveries --outcome refused'])
  command.action(async ({ json, ...filter }: DeliveriesOptions) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('deliveries.list', filter, Deliveries),
    )
    if (json === true) return terminal.json(answer)
    if (answer.deliveries.length === 0) return terminal.line('Nothing has come in.')
    const rows = answer.deliveries.map((one) => [
      one.id,
      showTime(one.receivedAt),
      one.portalId ?? '-',
      one.event ?? one.source,
      one.outcome,
      one.reason ?? (one.callId === null ? '' : `call ${one.callId}`),
    ])
    printTable(terminal, ['ID', 'RECEIVED', 'PORTAL', 'WHAT', 'OUTCOME', 'WHY, OR ITS CALL'], rows)
    // Each reason's mend once, however many deliveries met it.
    const reasons = new Map(answer.deliveries.map((one) => [one.reason, one]))
    for (const [reason, { sentence, mend }] of reasons) {
      if (reason === null || sentence === null) continue
      terminal.line()
      terminal.line(`${terminal.paint('yellow', reason)}: ${sentence}`)
      if (mend !== null) terminal.line(`  ${mend}`)
    }
    if (answer.nextCursor !== null) terminal.note(`More: --cursor ${answer.nextCursor}`)
  })
}

const Reconciled = z.looseObject({ portals: z.number(), listed: z.number(), found: z.number() })

export function addReconcile(program: Command, terminal: Terminal): void {
  const command = program
    .command('reconcile')
    .summary('ask the portals for calls that no event told of')
    .description(
      'Bitrix24 sends an event once. This lists the calls of the last day and takes in those that never came. A running service does it every 10 minutes.',
    )
    .option('--portal <id>', 'only this portal')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift reconcile', 'callsift reconcile --portal acme'])
  command.action(async (options: { portal?: string; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    terminal.note('Asking the portals for their calls…')
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('reconcile.run', { portalId: options.portal }, Reconciled),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(
      `${answer.listed} calls listed on ${answer.portals} portals; ${answer.found} had not been told of and were taken in.`,
    )
  })
}
