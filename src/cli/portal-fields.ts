import { type Command, Option } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { askYes } from './ask.ts'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable } from './table.ts'
import type { Terminal } from './terminal.ts'

const Fields = z.object({
  id: z.string(),
  fields: z.array(z.object({ name: z.string(), type: z.string(), state: z.enum(['there', 'created', 'missing']) })),
})

export function addFields(portal: Command, terminal: Terminal): void {
  const command = portal
    .command('fields')
    .description(
      'Shows which user fields verdicts need on leads, or on deals, and creates those that are missing once you agree.',
    )
    .argument('<id>')
    .addOption(new Option('--of <records>', 'leads or deals').choices(['leads', 'deals']).default('leads'))
    .option('--yes', 'create them without asking')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal fields acme', 'callsift portal fields acme --of deals --yes'])
  command.action(async (id: string, { of, ...options }: { of: string; yes?: boolean; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      let answer = await operations.ask('portal.fields', { id, of }, Fields)
      const missing = answer.fields.filter((field) => field.state === 'missing').map((field) => field.name)
      if (missing.length > 0 && (options.yes === true || (await agreed(terminal, of, missing))))
        answer = await operations.ask('portal.fields', { id, of, create: true }, Fields)
      if (options.json === true) return terminal.json(answer)
      printTable(
        terminal,
        ['FIELD', 'TYPE', 'STATE'],
        answer.fields.map((field) => [field.name, field.type, field.state]),
      )
    })
  })
}

async function agreed(terminal: Terminal, of: string, missing: readonly string[]): Promise<boolean> {
  if (!terminal.interactive)
    throw new UsageError(`${missing.join(', ')} would be created on all ${of}, and nobody is there to ask.`, {
      hint: 'Add --yes.',
    })
  return await askYes(`Create ${missing.join(', ')} on the ${of} of this portal?`)
}
