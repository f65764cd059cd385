import type { Command } from 'commander'
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
    .description('Shows which user fields scoring needs on leads, and creates those that are missing once you agree.')
    .argument('<id>')
    .option('--yes', 'create them without asking')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal fields acme', 'callsift portal fields acme --yes'])
  command.action(async (id: string, options: { yes?: boolean; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      let answer = await operations.ask('portal.fields', { id }, Fields)
      const missing = answer.fields.filter((field) => field.state === 'missing').map((field) => field.name)
      if (missing.length > 0 && (options.yes === true || (await agreed(terminal, missing))))
        answer = await operations.ask('portal.fields', { id, create: true }, Fields)
      if (options.json === true) return terminal.json(answer)
      printTable(
        terminal,
        ['FIELD', 'TYPE', 'STATE'],
        answer.fields.map((field) => [field.name, field.type, field.state]),
      )
    })
  })
}

async function agreed(terminal: Terminal, missing: readonly string[]): Promise<boolean> {
  if (!terminal.interactive)
    throw new UsageError(`${missing.join(', ')} would be created on every lead, and nobody is there to ask.`, {
      hint: 'Add --yes.',
    })
  return await askYes(`Create ${missing.join(', ')} on the leads of this portal?`)
}
