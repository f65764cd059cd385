import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { shipped } from '../shipped.ts'
import { askYes } from './ask.ts'
import { choosePortalId } from './choose-portal.ts'
import { exitCodes } from './exit-codes.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { type LabelledText, readLabelled } from './rubric-labels.ts'
import { measureAgreement, qualities } from './rubric-measures.ts'
import { printTable } from './table.ts'
import type { Terminal } from './terminal.ts'

const Listed = z.object({
  rubrics: z.array(
    z.looseObject({
      name: z.string(),
      id: z.string(),
      judges: z.string().nullable(),
      writes: z.string().optional(),
      extracts: z.string().optional(),
    }),
  ),
  chatPrice: z.number(),
  currency: z.string(),
})
const Judged = z.object({
  quality: z.enum(qualities),
  score: z.number(),
  reason: z.string(),
  rubric: z.string(),
  cost: z.number(),
})

const shippedCalls = fileURLToPath(shipped('rubrics/labelled/call/'))

interface TestOptions {
  readonly rubric: string
  readonly portal?: string
  readonly minAgreement?: number
  readonly yes?: boolean
  readonly json?: boolean
}

export function addRubric(program: Command, terminal: Terminal): void {
  const rubric = program
    .command('rubric')
    .summary('rubrics: list, test')
    .description('What calls and leads are judged by: files of rubrics/ and of the folder that CALLSIFT_RUBRICS names.')
  addList(rubric, terminal)
  addTest(rubric, terminal)
}

function whatFor(rubric: z.output<typeof Listed>['rubrics'][number]): string {
  if (rubric.judges !== null) return `judges ${rubric.judges}s`
  return rubric.writes === undefined ? `extracts ${rubric.extracts}s` : `writes about ${rubric.writes}s`
}

function addList(rubric: Command, terminal: Terminal): void {
  const command = rubric.command('list').description('Lists the rubrics.').option('--json', 'answer as JSON')
  withExamples(command, ['callsift rubric list'])
  command.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('rubric.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    printTable(
      terminal,
      ['NAME', 'DOES', 'VERSION AND DIGEST'],
      answer.rubrics.map((one) => [one.name, whatFor(one), one.id]),
    )
  })
}

function addTest(rubric: Command, terminal: Terminal): void {
  const command = rubric
    .command('test')
    .description(
      'Judges labelled texts by a rubric and tells how far it agrees with the labels: agreement, confusion, mean absolute error of the score.\nA labelled text is a YAML file: quality (high, medium or low), score (0-100, may be left out), text.',
    )
    .argument('[folder]', 'a folder with *.yaml files; without one, the sixty calls that ship')
    .option('--rubric <name>', 'the rubric', 'call')
    .option('--portal <id>', 'whose key and model are used; needed where there are several')
    .option('--min-agreement <percent>', 'exit 1 below this agreement', wholeNumber(0, 100))
    .option('--yes', 'do not ask where it is paid for')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift rubric test --portal acme',
    'callsift rubric test labelled/ --portal acme',
    'callsift rubric test labelled/ --rubric lead --min-agreement 80 --json',
  ])
  command.action(async (folder: string | undefined, options: TestOptions) => {
    const { config, log } = readSettings(command, true)
    const labelled = await readLabelled(folder ?? shippedCalls)
    await withOperations(config, log, async (operations) => {
      const { chatPrice } = await operations.ask('rubric.list', {}, Listed)
      const portalId = await choosePortalId(operations, options.portal)
      if (chatPrice > 0 && !(await agreed(terminal, options, labelled.length)))
        return terminal.line('Nothing was judged.')
      const judged = await judgeAll(operations, terminal, labelled, { rubric: options.rubric, portalId })
      const measures = measureAgreement(judged)
      const failed = options.minAgreement !== undefined && measures.agreement * 100 < options.minAgreement
      process.exitCode = failed ? exitCodes.failed : exitCodes.ok
      const cost = judged.reduce((all, one) => all + one.cost, 0)
      const summary = { rubric: judged[0]?.rubric ?? options.rubric, ...measures, cost }
      if (options.json === true) return terminal.json({ ...summary, judged })
      printMeasures(terminal, summary)
      for (const one of judged.filter((text) => text.quality !== text.label.quality))
        terminal.line(`${one.name}: ${one.label.quality} expected, ${one.quality} (${one.score}) given: ${one.reason}`)
    })
  })
}

async function agreed(terminal: Terminal, options: TestOptions, texts: number): Promise<boolean> {
  if (options.yes === true) return true
  if (!terminal.interactive)
    throw new UsageError(`Judging ${texts} texts is paid for, and nobody is there to ask.`, { hint: 'Add --yes.' })
  return await askYes(`Judge ${texts} texts? The model is paid for each.`)
}

async function judgeAll(
  operations: Operations,
  terminal: Terminal,
  labelled: readonly LabelledText[],
  by: { rubric: string; portalId: string },
) {
  const judged = []
  for (const [index, { name, text, label }] of labelled.entries()) {
    judged.push({ name, label, ...(await operations.ask('rubric.judge', { ...by, text }, Judged)) })
    terminal.progress(index + 1, labelled.length, 'texts judged')
  }
  return judged
}

function printMeasures(terminal: Terminal, summary: ReturnType<typeof measureAgreement> & { rubric: string }): void {
  const { meanAbsoluteError: error, scored } = summary
  terminal.line(`Rubric       ${summary.rubric}`)
  terminal.line(`Agreement    ${(summary.agreement * 100).toFixed(1)} % (${summary.agreed} of ${summary.texts})`)
  terminal.line(
    `Score        ${error === null ? 'no label has one' : `mean absolute error ${error.toFixed(1)} over ${scored}`}`,
  )
  const rows = qualities.map((label) => [label, ...qualities.map((given) => String(summary.confusion[label][given]))])
  printTable(terminal, ['LABEL / GIVEN', ...qualities], rows)
}
