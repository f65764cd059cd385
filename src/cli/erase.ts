import type { Command } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

const Report = z.object({
  dryRun: z.boolean(),
  at: z.string(),
  calls: z.number(),
  leads: z.number(),
  removed: z.record(z.string(), z.number()),
  entries: z.array(
    z.object({
      portalId: z.string(),
      kind: z.string(),
      target: z.unknown(),
      externalId: z.string().nullable(),
      state: z.string(),
    }),
  ),
  stillRunning: z.number(),
  filesRewritten: z.boolean(),
  notCleared: z.array(z.string()),
})

interface EraseOptions {
  readonly phone?: string
  readonly call?: string
  readonly lead?: number
  readonly portal?: string
  readonly dryRun?: boolean
  readonly rewrite?: boolean
  readonly json?: boolean
}

export function addErase(program: Command, terminal: Terminal): void {
  const command = program
    .command('erase')
    .summary("erase a person's calls, one call or one lead, for good")
    .description(
      'Removes calls with their deliveries, transcripts, verdicts and uploads, ends what runs of them, and keeps events and reconcile from bringing them back. Entries in the CRM cannot be deleted by a program: the report names them.',
    )
    .option('--phone <number>', 'all calls of this number, in any spelling')
    .option('--call <id>', "one call: its number here, the portal's CALL_ID, or activity:57")
    .option('--lead <id>', 'one lead: its calls, and what it was scored as', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--portal <id>', 'only of this portal')
    .option('--dry-run', 'only say what would go')
    .option(
      '--rewrite',
      "write the database's tables anew, so that no bytes stay in its files; holds them up meanwhile",
    )
    .option('--json', 'answer as JSON: the act to keep')
  withExamples(command, [
    'callsift erase --phone "+7 495 123-45-67" --dry-run',
    'callsift erase --phone +74951234567 --json > act.json',
    'callsift erase --call 42',
    'callsift erase --lead 501 --portal acme',
  ])
  command.action(async (options: EraseOptions) => {
    const { phone, call, lead, portal: portalId, dryRun, rewrite } = options
    if ([phone, call, lead].filter((one) => one !== undefined).length !== 1) {
      throw new UsageError('Say what to erase.', { hint: 'Give --phone, --call or --lead, one of the three.' })
    }
    const { config, log } = readSettings(command, true)
    const report = await withOperations(config, log, (operations) =>
      operations.ask('call.erase', { phone, call, lead, portalId, dryRun, rewrite }, Report),
    )
    if (options.json === true) return terminal.json(report)
    tell(terminal, report)
  })
}

function tell(terminal: Terminal, report: z.output<typeof Report>): void {
  if (report.dryRun)
    terminal.line(`${report.calls} calls and the scores of ${report.leads} leads would be erased. Nothing was changed.`)
  else {
    const rows = Object.entries(report.removed).map(([table, count]) => `${count} ${table}`)
    terminal.line(`Erased ${report.calls} calls at ${report.at}${rows.length === 0 ? '' : ` (${rows.join(', ')})`}.`)
    if (report.stillRunning > 0)
      terminal.line(`${report.stillRunning} attempts had not ended yet; what they bring is not stored.`)
    if (!report.filesRewritten)
      terminal.line(
        "The rows are gone; their bytes stay in the database's files until they are written over (--rewrite).",
      )
    for (const line of report.notCleared) terminal.line(`Not cleared: ${line}`)
  }
  if (report.entries.length === 0) return
  terminal.line(`${report.entries.length} writes stand in the CRM. Delete them there:`)
  for (const entry of report.entries)
    terminal.line(
      `  portal ${entry.portalId}: ${entry.kind} ${entry.externalId ?? '(in doubt)'} at ${JSON.stringify(entry.target)}`,
    )
}
