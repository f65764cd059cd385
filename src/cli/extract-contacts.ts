import { type Command, Option } from 'commander'
import { readAmount, readFilter } from './batch-options.ts'
import { wholeNumber, withExamples } from './options.ts'
import { startBatch } from './start-batch.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly portal?: string
  readonly json?: boolean
  readonly of?: 'leads' | 'contacts'
  readonly filter?: Record<string, string>
  readonly rubric?: string
  readonly maxRecords?: number
  readonly maxCost?: number
  readonly dryRun?: boolean
}

export function addExtractContacts(program: Command, terminal: Terminal): void {
  const command = program
    .command('extract-contacts')
    .summary('fill in phone, e-mail and company of leads or contacts from what was written about them')
    .description(
      'Reads comments and timeline entries of leads (or contacts) that lack a phone, an e-mail or a company, and fills in what stands there. A field that holds anything is left as it is. It runs behind live calls: see `callsift batch show`.',
    )
    .addOption(new Option('--of <records>', 'leads, unless told').choices(['leads', 'contacts']))
    .option('--filter <field=value>', 'only these; may be given several times', readFilter)
    .option('--rubric <name>', 'the rubric, see `callsift rubric list`')
    .option('--max-records <n>', 'read so many at most', wholeNumber(1, 10_000_000))
    .option('--max-cost <amount>', 'pay so much at most, in CALLSIFT_PRICE_CURRENCY', readAmount)
    .option('--dry-run', 'only read, count and price them')
    .option('--portal <id>', 'whose leads; needed where there are several portals')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift extract-contacts --dry-run',
    'callsift extract-contacts --filter statusId=NEW --max-cost 100',
    'callsift extract-contacts --of contacts --portal acme',
  ])
  command.action(async ({ portal, json, ...input }: Options) => {
    await startBatch(command, terminal, { workflow: 'extract-contacts', input: { ...input }, portal, json })
  })
}
