import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { askYes } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

const Portals = z.object({
  portals: z.array(
    z.looseObject({
      id: z.string(),
      settings: z.looseObject({ capDailyMinutes: z.number().optional(), capDailyCost: z.number().optional() }),
    }),
  ),
})
const Page = z.object({
  listed: z.number(),
  known: z.number(),
  filtered: z.record(z.string(), z.number()),
  wanted: z.number(),
  taken: z.number(),
  minutes: z.number(),
  unmeasured: z.number(),
  speechCost: z.number(),
  chatCost: z.number(),
  currency: z.string(),
  nextAfterId: z.number().nullable(),
})
type Page = z.output<typeof Page>

interface Options {
  readonly since: Date
  readonly until?: Date
  readonly portal?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const dayMs = 24 * 3_600_000
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text)

/** A day (`2026-10-01`, its midnight UTC) or a moment (ISO 8601). */
function readMoment(text: string): Date {
  const ms = Date.parse(isDay(text) ? `${text}T00:00:00Z` : text)
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Give a day such as 2026-10-01, or a moment in ISO 8601.')
  return new Date(ms)
}

/** As an end, a day is meant as a whole. */
function readEnd(text: string): Date {
  const moment = readMoment(text)
  return isDay(text) ? new Date(moment.getTime() + dayMs) : moment
}

export function addBackfill(program: Command, terminal: Terminal): void {
  const command = program
    .command('backfill')
    .summary('take in calls from before the portal was added')
    .description(
      'Lists calls of the past, tells what they would cost, asks, and takes them in behind the live ones. Calls that are known are left out, so it may be run again at any time.',
    )
    .requiredOption('--since <date>', 'calls that began on this day (UTC) or later', readMoment)
    .option('--until <date>', 'calls up to the end of this day; now when left out', readEnd)
    .option('--portal <id>', 'only this portal')
    .option('--dry-run', 'only count and price them')
    .option('--yes', 'do not ask')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift backfill --since 2026-10-01 --dry-run',
    'callsift backfill --since 2026-10-01 --until 2026-10-31 --portal acme --yes',
  ])
  command.action(async (options: Options) => {
    const { config, log } = readSettings(command, true)
    const range = { since: options.since, until: options.until ?? new Date() }
    if (range.since >= range.until) throw new UsageError('The end lies before the beginning.', { hint: 'Swap them.' })
    await withOperations(config, log, async (operations) => {
      const { portals } = await operations.ask('portal.list', {}, Portals)
      const chosen = portals.filter((portal) => options.portal === undefined || portal.id === options.portal)
      if (chosen.length === 0) {
        throw new UsageError(
          options.portal === undefined ? 'There is no portal.' : `There is no portal ${options.portal}.`,
          {
            hint: 'See `callsift portal list`.',
          },
        )
      }
      const counted = await walk(operations, terminal, chosen, range, 'backfill.count')
      if (options.json !== true) {
        printCount(terminal, counted)
        printCaps(terminal, counted, chosen)
      }
      const ends = options.dryRun === true || counted.wanted === 0
      if (!ends && !(await agreed(terminal, options, counted))) return terminal.line('Nothing was taken in.')
      const done = ends ? counted : await walk(operations, terminal, chosen, range, 'backfill.take')
      if (options.json === true)
        return terminal.json({ dryRun: options.dryRun === true, ...done, nextAfterId: undefined })
      if (options.dryRun === true) return terminal.note('Dry run: nothing was taken in.')
      if (counted.wanted === 0) return
      terminal.line(`${done.taken} calls were taken in. They are worked on behind the live ones: callsift status`)
      if (operations.app !== null && !config.hasDatabase)
        terminal.note('Nothing works on them yet: start `callsift serve`.')
    })
  })
}

async function agreed(terminal: Terminal, options: Options, counted: Page): Promise<boolean> {
  if (options.yes === true) return true
  if (!terminal.interactive) {
    throw new UsageError('A backfill is paid for, so it wants a word of consent, and nobody is there to ask.', {
      hint: 'Look at it with --dry-run, then add --yes.',
      exitCode: exitCodes.usage,
    })
  }
  return await askYes(`Take in ${counted.wanted} calls?`)
}

/** Page by page through all portals; the sums, and on a terminal how far it is. */
async function walk(
  operations: Operations,
  terminal: Terminal,
  portals: readonly { id: string }[],
  range: { since: Date; until: Date },
  name: 'backfill.count' | 'backfill.take',
): Promise<Page> {
  let sum: Page = { ...nothing, filtered: {} }
  for (const { id } of portals) {
    for (let afterId: number | null | undefined; afterId !== null; ) {
      const input = { portalId: id, since: range.since.toISOString(), until: range.until.toISOString(), afterId }
      const page: Page = await operations.ask(name, input, Page)
      sum = add(sum, page)
      afterId = page.nextAfterId
      if (terminal.interactive) {
        terminal.note(
          `${id}: ${sum.listed} calls listed, ${name === 'backfill.take' ? `${sum.taken} taken in` : `${sum.wanted} new`}`,
        )
      }
    }
  }
  return sum
}

const nothing: Omit<Page, 'filtered'> = {
  listed: 0,
  known: 0,
  wanted: 0,
  taken: 0,
  minutes: 0,
  unmeasured: 0,
  speechCost: 0,
  chatCost: 0,
  currency: '',
  nextAfterId: null,
}

function add(sum: Page, page: Page): Page {
  const filtered = { ...sum.filtered }
  for (const [reason, count] of Object.entries(page.filtered)) filtered[reason] = (filtered[reason] ?? 0) + count
  return {
    listed: sum.listed + page.listed,
    known: sum.known + page.known,
    filtered,
    wanted: sum.wanted + page.wanted,
    taken: sum.taken + page.taken,
    minutes: sum.minutes + page.minutes,
    unmeasured: sum.unmeasured + page.unmeasured,
    speechCost: sum.speechCost + page.speechCost,
    chatCost: sum.chatCost + page.chatCost,
    currency: page.currency,
    nextAfterId: page.nextAfterId,
  }
}

function printCount(terminal: Terminal, counted: Page): void {
  const filtered = Object.entries(counted.filtered)
  terminal.line(`Listed       ${counted.listed} calls`)
  terminal.line(`Known        ${counted.known}, left out`)
  const why = filtered.map(([reason, count]) => `${count} ${reason}`).join(', ')
  if (filtered.length > 0) terminal.line(`Filtered     ${why}`)
  terminal.line(
    `To take in   ${counted.wanted} calls, ${counted.minutes.toFixed(1)} min${counted.unmeasured > 0 ? ` (and ${counted.unmeasured} of unknown length)` : ''}`,
  )
  const total = counted.speechCost + counted.chatCost
  if (total === 0) {
    terminal.line(
      'Cost         none by the prices that are set (bitrix/ models are free; CALLSIFT_PRICE_SPEECH_MINUTE, CALLSIFT_PRICE_CHAT_1K_TOKENS)',
    )
    return
  }
  terminal.line(
    `Cost         about ${total.toFixed(2)} ${counted.currency} (speech ${counted.speechCost.toFixed(2)}, chat ${counted.chatCost.toFixed(2)})`,
  )
}

function printCaps(terminal: Terminal, counted: Page, portals: z.output<typeof Portals>['portals']): void {
  const [only] = portals
  if (portals.length !== 1 || only === undefined || counted.wanted === 0) return
  const { capDailyMinutes, capDailyCost } = only.settings
  const shares = [
    capDailyMinutes === undefined ? 0 : counted.minutes / (capDailyMinutes * 0.8),
    capDailyCost === undefined ? 0 : (counted.speechCost + counted.chatCost) / (capDailyCost * 0.8),
  ]
  const days = Math.ceil(Math.max(...shares))
  if (days > 1) {
    terminal.line(
      `Caps         a backfill may use 80 % of the daily cap of ${only.id}: this takes ${days} days or more`,
    )
  }
}
