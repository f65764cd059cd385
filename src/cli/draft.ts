import type { Command } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Drafts = z.object({
  drafts: z.array(
    z.looseObject({
      id: z.string(),
      portalId: z.string(),
      recordId: z.number(),
      recordName: z.string().nullable(),
      oldText: z.string(),
      text: z.string(),
      doubts: z.array(z.string()),
      state: z.string(),
      note: z.string().nullable(),
      runState: z.string().nullable(),
      runClass: z.string().nullable(),
      createdAt: z.string(),
    }),
  ),
})
type Draft = z.output<typeof Drafts>['drafts'][number]
const Done = z.looseObject({ id: z.string() })

interface Json {
  readonly json?: boolean
}

export function addDraft(program: Command, terminal: Terminal): void {
  const draft = program
    .command('draft')
    .summary('drafted texts: list, approve, reject, undo, retry')
    .description('Texts that were drafted for products: a person decides about them, here or on the pages.')
  addList(draft, terminal)
  addDecision(draft, terminal, 'approve', 'Puts a text into its card, once.')
  addDecision(draft, terminal, 'reject', 'Leaves a text out; the card stays as it is.')
  addChange(
    draft,
    terminal,
    'undo',
    'Puts back what stood in the card before; a card that was changed since is left alone.',
  )
  addChange(draft, terminal, 'retry', 'Sends a text on its way again that did not come to the CRM.')
}

const stateOf = (one: Draft) =>
  one.note !== null
    ? `${one.state}: ${one.note}`
    : one.runState === 'parked'
      ? `${one.state}: ${one.runClass}`
      : one.state

function addList(draft: Command, terminal: Terminal): void {
  const command = draft
    .command('list')
    .description('Lists the texts that wait for a person.')
    .option('--decided', 'those that were decided about, the newest first')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift draft list', 'callsift draft list --decided'])
  command.action(async (options: Json & { decided?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const shelf = options.decided === true ? 'decided' : 'waiting'
    const answer = await withOperations(config, log, (operations) => operations.ask('draft.list', { shelf }, Drafts))
    if (options.json === true) return terminal.json(answer)
    if (answer.drafts.length === 0) return terminal.line('There are none.')
    if (options.decided === true) {
      const rows = answer.drafts.map((one) => [
        one.id,
        one.portalId,
        one.recordName ?? String(one.recordId),
        stateOf(one),
        showTime(one.createdAt),
      ])
      return printTable(terminal, ['ID', 'PORTAL', 'PRODUCT', 'STATE', 'DRAFTED'], rows)
    }
    for (const one of answer.drafts) {
      terminal.line(
        `Draft ${one.id}  ${one.portalId}  ${one.recordName ?? one.recordId}${one.note === null ? '' : `  (${one.note})`}`,
      )
      if (one.oldText !== '') terminal.line(`  before: ${one.oldText}`)
      terminal.line(`  text:   ${one.text}`)
      for (const doubt of one.doubts) terminal.line(`  doubt:  ${doubt}`)
    }
  })
}

function addDecision(draft: Command, terminal: Terminal, verb: 'approve' | 'reject', what: string): void {
  const command = draft.command(verb).description(what).argument('<id>')
  if (verb === 'approve') command.option('--text <text>', 'this text in the place of the drafted one')
  command.option('--json', 'answer as JSON')
  withExamples(command, [`callsift draft ${verb} 12`])
  command.action(async (id: string, options: Json & { text?: string }) => {
    const { config, log } = readSettings(command, true)
    const decision = verb === 'approve' ? 'approved' : 'rejected'
    const asked = { id, decision, ...(options.text === undefined ? {} : { text: options.text }) }
    const done = await withOperations(config, log, (operations) => operations.ask('draft.decide', asked, Done))
    if (options.json === true) return terminal.json(done)
    terminal.line(`Draft ${id} is ${decision}${verb === 'approve' ? ' and on its way' : ''}.`)
  })
}

function addChange(draft: Command, terminal: Terminal, verb: 'undo' | 'retry', what: string): void {
  const command = draft.command(verb).description(what).argument('<id>').option('--json', 'answer as JSON')
  withExamples(command, [`callsift draft ${verb} 12`])
  command.action(async (id: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    const done = await withOperations(config, log, (operations) => operations.ask(`draft.${verb}`, { id }, Done))
    if (options.json === true) return terminal.json(done)
    terminal.line(`Draft ${id} is on its way${verb === 'undo' ? ' back' : ''}.`)
  })
}
