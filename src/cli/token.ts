import type { Command } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Created = z.object({ id: z.string(), name: z.string(), token: z.string() })
const Listed = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      createdAt: z.string(),
      lastUsedAt: z.string().nullable(),
      revokedAt: z.string().nullable(),
    }),
  ),
})
const Revoked = z.object({ id: z.string(), revoked: z.literal(true) })

interface Json {
  readonly json?: boolean
}

export function addToken(program: Command, terminal: Terminal): void {
  const token = program
    .command('token')
    .summary('API tokens: create, list, revoke')
    .description('Tokens for the API and the dashboard. A token is shown once; its digest is kept.')

  const create = token
    .command('create')
    .description('Makes a token and shows it this once.')
    .argument('<name>', 'who will use it')
    .option('--json', 'answer as JSON')
  withExamples(create, ['callsift token create dashboard', 'TOKEN=$(callsift token create ci --json | jq -r .token)'])
  create.action(async (name: string, options: Json) => {
    const { config, log } = readSettings(create, true)
    const made = await withOperations(config, log, (operations) => operations.ask('token.create', { name }, Created))
    if (options.json === true) return terminal.json(made)
    // The token alone on stdout, so that it can be taken up by a script.
    terminal.note(`Token ${made.id} for ${made.name}. It is shown this once:`)
    terminal.line(made.token)
  })

  const list = token
    .command('list')
    .description('Lists the tokens, without the tokens themselves.')
    .option('--json', 'answer as JSON')
  withExamples(list, ['callsift token list'])
  list.action(async (options: Json) => {
    const { config, log } = readSettings(list, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('token.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.tokens.length === 0)
      return terminal.line('There are no tokens. Make one with `callsift token create NAME`.')
    const rows = answer.tokens.map((one) => [
      one.id,
      one.name,
      showTime(one.createdAt),
      showTime(one.lastUsedAt),
      one.revokedAt === null ? 'in force' : `revoked ${showTime(one.revokedAt)}`,
    ])
    printTable(terminal, ['ID', 'NAME', 'CREATED', 'LAST USED', 'STATE'], rows)
  })

  const revoke = token
    .command('revoke')
    .description('Takes a token out of force, at once and for good.')
    .argument('<id>', 'its number, from `token list`')
    .option('--json', 'answer as JSON')
  withExamples(revoke, ['callsift token revoke 3'])
  revoke.action(async (id: string, options: Json) => {
    const { config, log } = readSettings(revoke, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('token.revoke', { id }, Revoked))
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Token ${answer.id} is revoked.`)
  })
}
