import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { readOption } from './batch-options.ts'
import { toCsv } from './csv.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { startBatch } from './start-batch.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Batch = z.looseObject({
  id: z.string(),
  workflow: z.string(),
  key: z.string(),
  portalId: z.string(),
  state: z.string(),
  class: z.string().nullable(),
  createdAt: z.string(),
  finishedAt: z.string().nullable(),
  paused: z.boolean(),
})
const Listed = z.object({ batches: z.array(Batch) })
const Shown = Batch.extend({
  steps: z.array(
    z.looseObject({ name: z.string(), state: z.string(), message: z.string().nullable(), hint: z.string().nullable() }),
  ),
  runs: z.array(z.object({ state: z.string(), class: z.string().nullable(), runs: z.number() })),
  report: z.record(z.string(), z.unknown()).nullable(),
})
const Rows = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      state: z.string(),
      class: z.string().nullable(),
      outputs: z.record(z.string(), z.unknown()),
    }),
  ),
})

export function addBatch(program: Command, terminal: Terminal): void {
  const batch = program
    .command('batch')
    .summary('runs over many records: start, list, show, pause, resume, cancel')
    .description('Runs over many records of a portal, by hand and by schedule.')
  addStart(batch, terminal)
  addList(batch, terminal)
  addShow(batch, terminal)
  addChange(
    batch,
    terminal,
    'pause',
    'Lets a batch rest: what is under way ends, and no further request is made for it.',
  )
  addChange(batch, terminal, 'resume', 'Lets a paused batch go on where it was.')
  addChange(batch, terminal, 'cancel', 'Ends a batch and all that is open of it; what was written stays.')
}

const stateOf = (batch: z.output<typeof Batch>) =>
  batch.state === 'running' && batch.paused
    ? 'paused'
    : batch.class === null
      ? batch.state
      : `${batch.state}: ${batch.class}`

function addStart(batch: Command, terminal: Terminal): void {
  const command = batch
    .command('start')
    .description(
      'Starts any workflow that may be started, with its options by name; `callsift score-leads` and others have their own.',
    )
    .argument('<workflow>')
    .argument('[name=value...]')
    .option('--portal <id>', 'over which portal; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift batch start score-leads maxLeads=5 \'filter={"statusId":"NEW"}\''])
  command.action(async (workflow: string, pairs: string[], options: { portal?: string; json?: boolean }) => {
    await startBatch(command, terminal, { workflow, input: Object.fromEntries(pairs.map(readOption)), ...options })
  })
}

function addList(batch: Command, terminal: Terminal): void {
  const command = batch.command('list').description('Lists the newest.').option('--json', 'answer as JSON')
  withExamples(command, ['callsift batch list'])
  command.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('batch.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.batches.length === 0)
      return terminal.line(
        'There are none. Start one: `callsift score-leads`, `callsift describe-products`, `callsift extract-contacts`.',
      )
    const rows = answer.batches.map((one) => [
      one.id,
      one.workflow,
      one.key,
      stateOf(one),
      showTime(one.createdAt),
      showTime(one.finishedAt),
    ])
    printTable(terminal, ['ID', 'WORKFLOW', 'PORTAL AND SLOT', 'STATE', 'BEGAN', 'ENDED'], rows)
  })
}

function addShow(batch: Command, terminal: Terminal): void {
  const command = batch
    .command('show')
    .description('Shows how far a batch is, what failed and why, and its report once it has ended.')
    .argument('<id>')
    .option('--csv <file>', 'write a row for each of its runs into a file')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift batch show 41', 'callsift batch show 41 --csv scores.csv'])
  command.action(async (id: string, options: { csv?: string; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const shown = await operations.ask('batch.show', { id }, Shown)
      if (options.csv !== undefined) {
        const rows = await readAllRows(operations, id)
        await writeFile(options.csv, toCsv(rows), 'utf8')
        terminal.note(`${rows.length} rows were written to ${options.csv}.`)
      }
      if (options.json === true) return terminal.json(shown)
      terminal.line(`Batch ${shown.id}  ${shown.workflow}  ${shown.key}  ${stateOf(shown)}`)
      for (const step of shown.steps) {
        terminal.line(`${step.name}  ${step.state}${step.message === null ? '' : `  ${step.message}`}`)
        if (step.hint !== null) terminal.line(`  ${step.hint}`)
      }
      for (const one of shown.runs)
        terminal.line(`${one.runs} ${one.state}${one.class === null ? '' : ` (${one.class})`}`)
      for (const [name, value] of Object.entries(shown.report ?? {}))
        terminal.line(`${name.padEnd(12)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    })
  })
}

async function readAllRows(operations: Operations, id: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (let afterId = '0'; ; ) {
    const { rows } = await operations.ask('batch.rows', afterId === '0' ? { id } : { id, afterId }, Rows)
    all.push(...rows.map(({ outputs, ...row }) => ({ ...row, ...outputs })))
    const last = rows.at(-1)
    if (last === undefined) return all
    afterId = last.id
  }
}

function addChange(batch: Command, terminal: Terminal, verb: 'pause' | 'resume' | 'cancel', what: string): void {
  const command = batch.command(verb).description(what).argument('<id>').option('--json', 'answer as JSON')
  withExamples(command, [`callsift batch ${verb} 41`])
  command.action(async (id: string, options: { json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask(`batch.${verb}`, { id }, z.looseObject({ id: z.string() })),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Batch ${answer.id}: ${verb === 'pause' ? 'paused' : verb === 'resume' ? 'goes on' : 'ended'}.`)
  })
}
