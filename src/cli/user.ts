import type { Command } from 'commander'
import { Option } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Saved = z.object({
  id: z.string(),
  name: z.string(),
  role: z.string(),
  loginPath: z.string(),
  linkMinutes: z.number(),
})
const Listed = z.object({
  users: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: z.string(),
      hasPassword: z.boolean(),
      createdAt: z.string(),
      lastLoginAt: z.string().nullable(),
    }),
  ),
})
const Removed = z.object({ id: z.string(), removed: z.literal(true) })

export function addUser(program: Command, terminal: Terminal): void {
  const user = program
    .command('user')
    .summary('people who use the pages: add, list, remove')
    .description(
      'Users of the pages: a viewer looks (numbers are masked), an operator acts, an admin also makes users and tokens.',
    )

  const add = user
    .command('add')
    .description('Adds a user, or changes a role, and prints a link that logs in once.')
    .argument('<name>', 'how they log in')
    .addOption(
      new Option('--role <word>', 'what they may').choices(['viewer', 'operator', 'admin']).default('operator'),
    )
    .option('--json', 'answer as JSON')
  withExamples(add, ['callsift user add anna', 'callsift user add boss --role viewer'])
  add.action(async (name: string, options: { role: string; json?: boolean }) => {
    const { config, log } = readSettings(add, true)
    const { saved, url } = await withOperations(config, log, async (operations) => ({
      saved: await operations.ask('user.save', { name, role: options.role }, Saved),
      url: operations.url,
    }))
    if (options.json === true) return terminal.json(saved)
    terminal.note(`${saved.name} is ${saved.role}. This link logs in once, within ${saved.linkMinutes / 60} hours:`)
    terminal.line(`${url ?? `http://${config.host}:${config.port}`}${saved.loginPath}`)
  })

  const list = user.command('list').description('Lists the users.').option('--json', 'answer as JSON')
  withExamples(list, ['callsift user list'])
  list.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(list, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('user.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    const rows = answer.users.map((one) => [
      one.id,
      one.name,
      one.role,
      one.hasPassword ? 'set' : 'none yet',
      showTime(one.lastLoginAt),
    ])
    printTable(terminal, ['ID', 'NAME', 'ROLE', 'PASSWORD', 'LAST LOGIN'], rows)
  })

  const remove = user
    .command('remove')
    .description('Removes a user and ends their sessions at once.')
    .argument('<id>', 'its number, from `user list`')
    .option('--json', 'answer as JSON')
  withExamples(remove, ['callsift user remove 3'])
  remove.action(async (id: string, options: { json?: boolean }) => {
    const { config, log } = readSettings(remove, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('user.remove', { id }, Removed))
    if (options.json === true) return terminal.json(answer)
    terminal.line(`User ${answer.id} is removed.`)
  })
}
