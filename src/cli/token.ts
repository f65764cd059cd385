import { type Command, Option } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Created = z.object({ id: z.string(), name: z.string(), role: z.string(), token: z.string() })
const Listed = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: z.string(),
      expiresAt: z.string().nullable(),
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
    .description('Tokens for the API. A token is shown once; its digest is kept.')

  const create = token
    .command('create')
    .description('Makes a token and shows it this once.')
    .argument('<name>', 'who will use it')
    .addOption(new Option('--role <word>', 'what it may').choices(['viewer', 'operator', 'admin']).default('admin'))
    .option('--days <number>', 'good for so many days; without, until it is revoked', wholeNumber(1, 3_650))
    .option('--json', 'answer as JSON')
  withExamples(create, [
    'callsift token create reports --role viewer --days 90',
    'TOKEN=$(callsift token create ci --json | jq -r .token)',
  ])
  create.action(async (name: string, options: Json & { role: string; days?: number }) => {
    const { config, log } = readSettings(create, true)
    const input = { name, role: options.role, ...(options.days === undefined ? {} : { days: options.days }) }
    const made = await withOperations(config, log, (operations) => operations.ask('token.create', input, Created))
    if (options.json === true) return terminal.json(made)
    // The token alone on stdout, so that it can be taken up by a script.
    terminal.note(`Token ${made.id} for ${made.name} (${made.role}). It is shown this once:`)
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
      one.role,
      showTime(one.createdAt),
      showTime(one.lastUsedAt),
      one.revokedAt === null
        ? one.expiresAt === null
          ? 'in force'
          : `until ${showTime(one.expiresAt)}`
        : `revoked ${showTime(one.revokedAt)}`,
    ])
    printTable(terminal, ['ID', 'NAME', 'ROLE', 'CREATED', 'LAST USED', 'STATE'], rows)
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
