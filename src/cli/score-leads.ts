import type { Command } from 'commander'
import { readAmount, readFilter } from './batch-options.ts'
import { wholeNumber, withExamples } from './options.ts'
import { startBatch } from './start-batch.ts'
import type { Terminal } from './terminal.ts'

interface Options extends LeadOptions {
  readonly portal?: string
  readonly json?: boolean
}

export interface LeadOptions {
  readonly filter?: Record<string, string>
  readonly rubric?: string
  readonly maxLeads?: number
  readonly maxCost?: number
  readonly dryRun?: boolean
}

/** The options of a scoring: by hand and in a schedule they are the same. */
export function withLeadOptions(command: Command): Command {
  return command
    .option('--filter <field=value>', 'only these leads; may be given several times', readFilter)
    .option('--rubric <name>', 'the rubric, see `callsift rubric list`')
    .option('--max-leads <n>', 'judge so many at most', wholeNumber(1, 10_000_000))
    .option('--max-cost <amount>', 'pay so much at most, in CALLSIFT_PRICE_CURRENCY', readAmount)
    .option('--dry-run', 'only count and price them')
}

export function leadInput(options: LeadOptions): Record<string, unknown> {
  const { filter, rubric, maxLeads, maxCost, dryRun } = options
  return Object.fromEntries(
    Object.entries({ filter, rubric, maxLeads, maxCost, dryRun }).filter(([, value]) => value !== undefined),
  )
}

export function addScoreLeads(program: Command, terminal: Terminal): void {
  const command = withLeadOptions(
    program
      .command('score-leads')
      .summary('judge the leads of a portal and write the score into them')
      .description(
        'Judges the leads that changed since they were last scored, and sets their fields UF_CRM_AI_SCORE, UF_CRM_AI_QUALITY and UF_CRM_AI_REASON; nothing else of a lead is touched. It runs behind live calls: see `callsift batch show`.',
      ),
  )
    .option('--portal <id>', 'whose leads; needed where there are several portals')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift portal fields acme --yes',
    'callsift score-leads --filter statusId=NEW --dry-run',
    'callsift score-leads --portal acme --filter ">=createdTime=2026-10-01" --max-cost 500',
  ])
  command.action(async (options: Options) => {
    const { portal, json } = options
    await startBatch(command, terminal, { workflow: 'score-leads', input: leadInput(options), portal, json })
  })
}
