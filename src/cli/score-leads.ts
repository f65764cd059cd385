import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { readFilterPair } from '../ops/read-options.ts'
import { choosePortalId } from './choose-portal.ts'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

const Started = z.object({ id: z.string(), workflow: z.string(), portalId: z.string() })

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

/** `--filter statusId=NEW --filter ">=createdTime=2026-10-01"`: a comparison before the field's name, its value after the sign. */
function readFilter(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const pair = readFilterPair(text)
  if (pair === null)
    throw new InvalidArgumentError('Write field=value, such as statusId=NEW or ">=createdTime=2026-10-01".')
  return { ...before, [pair[0]]: pair[1] }
}

function readAmount(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Give an amount such as 50.')
  return value
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
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const asked = { workflow: 'score-leads', portalId, input: leadInput(options) }
      const started = await operations.ask('batch.start', asked, Started)
      if (options.json === true) return terminal.json(started)
      terminal.line(`Batch ${started.id} is on its way: callsift batch show ${started.id}`)
      if (operations.app !== null && !config.hasDatabase)
        terminal.note('Nothing works on it yet: start `callsift serve`.')
    })
  })
}
