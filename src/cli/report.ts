import { type Command, InvalidArgumentError } from 'commander'
import { wholeNumber, withExamples } from './options.ts'
import { startBatch } from './start-batch.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly period?: string
  readonly from?: string
  readonly to?: string
  readonly by?: string
  readonly language?: string
  readonly bot?: { botId: number; dialogId: string }
  readonly notify?: number[]
  readonly dryRun?: boolean
  readonly portal?: string
  readonly json?: boolean
}

function readBot(text: string) {
  const match = /^(\d{1,15})\/(\S+)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('Write the bot and the dialogue, such as 1001/chat77.')
  return { botId: Number(match[1]), dialogId: match[2] ?? '' }
}

export function addReport(program: Command, terminal: Terminal): void {
  const command = program
    .command('report')
    .summary('count a period of sales, and send it to a chat')
    .description(
      'Counts calls, verdicts, leads and deals of a period by manager or source, lets the model put it into words, and sends it once. By schedule: `callsift schedule add report --cron … period=week notify=[1]`.',
    )
    .option('--period <period>', 'the last whole day, week or month')
    .option('--from <day>', 'instead of it: from this day, such as 2026-11-01')
    .option('--to <day>', 'to this day, itself included')
    .option('--by <what>', 'manager or source')
    .option('--language <code>', 'ru or en')
    .option('--bot <bot/dialogue>', 'say it in a chat, such as 1001/chat77', readBot)
    .option(
      '--notify <user>',
      'notify a user; may be given several times',
      (text: string, before: number[] | undefined) => [
        ...(before ?? []),
        wholeNumber(1, Number.MAX_SAFE_INTEGER)(text),
      ],
    )
    .option('--dry-run', 'only gather the figures')
    .option('--portal <id>', 'of which portal; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift report --period week --by manager --bot 1001/chat77',
    'callsift report --from 2026-11-01 --to 2026-11-15 --notify 1',
  ])
  command.action(async (options: Options) => {
    const { portal, json, ...input } = options
    await startBatch(command, terminal, { workflow: 'report', input, portal, json })
  })
}
