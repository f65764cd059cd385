import type { Command } from 'commander'
import { z } from 'zod'
import { readOption } from './batch-options.ts'
import { choosePortalId } from './choose-portal.ts'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { type LeadOptions, leadInput, withLeadOptions } from './score-leads.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Schedule = z.looseObject({
  name: z.string(),
  portalId: z.string(),
  workflow: z.string(),
  cron: z.string(),
  timeZone: z.string(),
  input: z.record(z.string(), z.unknown()),
  paused: z.boolean(),
  dueAt: z.string(),
  lastRunAt: z.string().nullable(),
  lastResult: z.looseObject({ runId: z.string().optional(), leftOut: z.string().optional() }).nullable(),
})
const One = z.object({ schedule: Schedule })
const Listed = z.object({ schedules: z.array(Schedule) })

interface Json {
  readonly json?: boolean
}
interface Added {
  readonly cron: string
  readonly name?: string
  readonly portal?: string
}
interface When extends LeadOptions, Json {
  readonly cron?: string
  readonly tz?: string
}

export function addSchedule(program: Command, terminal: Terminal): void {
  const schedule = program
    .command('schedule')
    .summary('what begins by itself: add, list, edit, pause, resume, run, remove')
    .description('Workflows that begin by themselves. A running `callsift serve` or `callsift work` begins them.')
  addAdd(schedule, terminal)
  addList(schedule, terminal)
  addEdit(schedule, terminal)
  addChange(schedule, terminal, 'pause', 'Lets a schedule rest; a run that it has begun goes on.')
  addChange(schedule, terminal, 'resume', 'Lets a schedule go on with its next moment.')
  addRun(schedule, terminal)
  addRemove(schedule, terminal)
}

const told = (one: z.output<typeof Schedule>) =>
  one.paused ? `Schedule ${one.name} is paused.` : `Schedule ${one.name} begins next at ${showTime(one.dueAt)} UTC.`

function addAdd(schedule: Command, terminal: Terminal): void {
  const command = withLeadOptions(
    schedule
      .command('add')
      .description('Adds a schedule. Its options are those of the workflow.')
      .argument('<workflow>', 'what begins: score-leads, describe-products, extract-contacts, report')
      .argument('[name=value...]', 'options of the workflow by name')
      .requiredOption('--cron <expression>', 'minute hour day month weekday, such as "0 3 * * *"')
      .option('--tz <zone>', "time zone such as Europe/Moscow; the portal's own when left out, else UTC"),
  )
    .option('--name <name>', 'how it is called; that of the workflow when left out')
    .option('--portal <id>', 'for which portal; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift schedule add score-leads --cron "0 3 * * *" --tz Europe/Moscow --filter statusId=NEW',
    'callsift schedule add describe-products --cron "0 4 * * *" direct=true maxProducts=100',
    'callsift schedule add report --cron "0 8 * * 1" period=week \'bot={"botId":1001,"dialogId":"chat77"}\'',
    'callsift schedule add score-leads --name weekly --portal acme --cron "0 6 * * 1" --max-cost 500',
  ])
  command.action(async (workflow: string, pairs: string[], options: When & Added) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const asked = {
        name: options.name ?? workflow,
        workflow,
        portalId,
        cron: options.cron,
        input: { ...leadInput(options), ...Object.fromEntries(pairs.map(readOption)) },
      }
      const zone = options.tz === undefined ? {} : { timeZone: options.tz }
      const answer = await operations.ask('schedule.add', { ...asked, ...zone }, One)
      if (options.json === true) return terminal.json(answer)
      terminal.line(told(answer.schedule))
    })
  })
}

function addList(schedule: Command, terminal: Terminal): void {
  const command = schedule.command('list').description('Lists the schedules.').option('--json', 'answer as JSON')
  withExamples(command, ['callsift schedule list'])
  command.action(async (options: Json) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('schedule.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.schedules.length === 0) return terminal.line('There are none. Add one with `callsift schedule add`.')
    const rows = answer.schedules.map((one) => [
      one.name,
      one.workflow,
      one.portalId,
      `${one.cron} (${one.timeZone})`,
      one.paused ? 'paused' : showTime(one.dueAt),
      showTime(one.lastRunAt),
      one.lastResult?.leftOut ?? (one.lastResult?.runId === undefined ? '' : `batch ${one.lastResult.runId}`),
    ])
    printTable(terminal, ['NAME', 'WORKFLOW', 'PORTAL', 'WHEN', 'NEXT (UTC)', 'LAST (UTC)', 'CAME TO'], rows)
  })
}

function addEdit(schedule: Command, terminal: Terminal): void {
  const command = withLeadOptions(
    schedule
      .command('edit')
      .description(
        'Changes a schedule. Options of the workflow are given all together: they take the place of those before.',
      )
      .argument('<name>')
      .argument('[name=value...]', 'options of the workflow by name')
      .option('--cron <expression>', 'minute hour day month weekday')
      .option('--tz <zone>', 'time zone such as Europe/Moscow'),
  ).option('--json', 'answer as JSON')
  withExamples(command, ['callsift schedule edit score-leads --cron "30 2 * * *"'])
  command.action(async (name: string, pairs: string[], options: When) => {
    const { config, log } = readSettings(command, true)
    const input = { ...leadInput(options), ...Object.fromEntries(pairs.map(readOption)) }
    const change = {
      name,
      ...(options.cron === undefined ? {} : { cron: options.cron }),
      ...(options.tz === undefined ? {} : { timeZone: options.tz }),
      ...(Object.keys(input).length === 0 ? {} : { input }),
    }
    const answer = await withOperations(config, log, (operations) => operations.ask('schedule.edit', change, One))
    if (options.json === true) return terminal.json(answer)
    terminal.line(told(answer.schedule))
  })
}

function addChange(schedule: Command, terminal: Terminal, verb: 'pause' | 'resume', what: string): void {
  const command = schedule.command(verb).description(what).argument('<name>').option('--json', 'answer as JSON')
  withExamples(command, [`callsift schedule ${verb} score-leads`])
  command.action(async (name: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask(`schedule.${verb}`, { name }, One))
    if (options.json === true) return terminal.json(answer)
    terminal.line(told(answer.schedule))
  })
}

function addRun(schedule: Command, terminal: Terminal): void {
  const command = schedule
    .command('run')
    .description('Begins the run of a schedule now; its next moment stays what it was.')
    .argument('<name>')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift schedule run score-leads'])
  command.action(async (name: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    const Begun = z.object({ id: z.string(), name: z.string() })
    const begun = await withOperations(config, log, (operations) => operations.ask('schedule.run', { name }, Begun))
    if (options.json === true) return terminal.json(begun)
    terminal.line(`Batch ${begun.id} is on its way: callsift batch show ${begun.id}`)
  })
}

function addRemove(schedule: Command, terminal: Terminal): void {
  const command = schedule
    .command('remove')
    .description('Removes a schedule; what it has begun goes on and stays.')
    .argument('<name>')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift schedule remove score-leads'])
  command.action(async (name: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    const Removed = z.object({ name: z.string(), removed: z.boolean() })
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('schedule.remove', { name }, Removed),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Schedule ${answer.name} is removed.`)
  })
}
