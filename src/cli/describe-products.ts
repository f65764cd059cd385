import type { Command } from 'commander'
import { readAmount, readFilter } from './batch-options.ts'
import { wholeNumber, withExamples } from './options.ts'
import { startBatch } from './start-batch.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly portal?: string
  readonly json?: boolean
  readonly filter?: Record<string, string>
  readonly rubric?: string
  readonly direct?: boolean
  readonly replace?: boolean
  readonly maxProducts?: number
  readonly maxCost?: number
  readonly dryRun?: boolean
}

export function addDescribeProducts(program: Command, terminal: Terminal): void {
  const command = program
    .command('describe-products')
    .summary('write texts for products that have none, or a stale one')
    .description(
      'Drafts a text for each product whose description is missing or stale. A person decides about each (`callsift draft list`, the page Review), unless --direct is given. It runs behind live calls: see `callsift batch show`.',
    )
    .option('--filter <field=value>', 'only these products; may be given several times', readFilter)
    .option('--rubric <name>', 'the rubric, see `callsift rubric list`')
    .option('--direct', 'texts without a doubt go into the cards at once')
    .option('--replace', 'also texts that people wrote, and ours whose product did not change')
    .option('--max-products <n>', 'write about so many at most', wholeNumber(1, 10_000_000))
    .option('--max-cost <amount>', 'pay so much at most, in CALLSIFT_PRICE_CURRENCY', readAmount)
    .option('--dry-run', 'only count and price them')
    .option('--portal <id>', 'whose products; needed where there are several portals')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift describe-products --dry-run',
    'callsift describe-products --filter sectionId=12 --max-cost 500',
    'callsift describe-products --portal acme --direct',
  ])
  command.action(async ({ portal, json, ...input }: Options) => {
    await startBatch(command, terminal, { workflow: 'describe-products', input: { ...input }, portal, json })
  })
}
