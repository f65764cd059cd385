import { Argument, type Command, Option } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { urlHere } from '../url-here.ts'
import { type Operations, withOperations } from './operations.ts'
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
      disabledAt: z.string().nullable(),
      createdAt: z.string(),
      lastLoginAt: z.string().nullable(),
    }),
  ),
})
const Changed = z.looseObject({ id: z.string(), name: z.string() })
const Linked = z.object({ id: z.string(), name: z.string(), loginPath: z.string(), linkMinutes: z.number() })

interface Json {
  readonly json?: boolean
}

export function addUser(program: Command, terminal: Terminal): void {
  const user = program
    .command('user')
    .summary('people who use the pages: add, list, role, link, disable, enable, remove')
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
    terminal.line(`${config.publicUrl ?? url ?? urlHere(config.host, config.port)}${saved.loginPath}`)
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
      one.disabledAt !== null ? 'disabled' : one.hasPassword ? 'set' : 'none yet',
      showTime(one.lastLoginAt),
    ])
    printTable(terminal, ['ID', 'NAME', 'ROLE', 'PASSWORD', 'LAST LOGIN'], rows)
  })

  const role = user
    .command('role')
    .description('Changes what a user may, from their next click on. The last administrator stays one.')
    .argument('<user>', 'name or number, from `user list`')
    .addArgument(new Argument('<role>', 'what they may').choices(['viewer', 'operator', 'admin']))
    .option('--json', 'answer as JSON')
  withExamples(role, ['callsift user role anna admin'])
  role.action(async (who: string, may: string, options: Json) => {
    const answer = await onUser(role, who, (operations, id) => operations.ask('user.role', { id, role: may }, Changed))
    if (options.json === true) return terminal.json(answer)
    terminal.line(`${answer.name} is ${may} now.`)
  })

  const link = user
    .command('link')
    .description('Prints a new link that logs a user in once; with --reset the password is forgotten and sessions end.')
    .argument('<user>', 'name or number, from `user list`')
    .option('--reset', 'forget the password and end all sessions')
    .option('--json', 'answer as JSON')
  withExamples(link, ['callsift user link anna', 'callsift user link anna --reset'])
  link.action(async (who: string, options: Json & { reset?: boolean }) => {
    const { config } = readSettings(link, true)
    const { made, url } = await onUser(link, who, async (operations, id) => ({
      made: await operations.ask('user.link', { id, reset: options.reset === true }, Linked),
      url: operations.url,
    }))
    if (options.json === true) return terminal.json(made)
    terminal.note(`This link logs ${made.name} in once, within ${made.linkMinutes / 60} hours:`)
    terminal.line(`${config.publicUrl ?? url ?? urlHere(config.host, config.port)}${made.loginPath}`)
  })

  for (const [name, told, description] of [
    ['disable', 'is kept out', 'Keeps a user out and ends their sessions; what they did stays under their name.'],
    ['enable', 'may come in again', 'Lets a user in again.'],
    ['remove', 'is removed', 'Removes a user and ends their sessions at once.'],
  ] as const) {
    const command = user
      .command(name)
      .description(description)
      .argument('<user>', 'name or number, from `user list`')
      .option('--json', 'answer as JSON')
    withExamples(command, [`callsift user ${name} anna`])
    command.action(async (who: string, options: Json) => {
      const answer = await onUser(command, who, (operations, id) => operations.ask(`user.${name}`, { id }, Changed))
      if (options.json === true) return terminal.json(answer)
      terminal.line(`${answer.name} ${told}.`)
    })
  }
}

/** Runs something on the user that a person names by name or number. */
async function onUser<Value>(
  command: Command,
  who: string,
  act: (operations: Operations, id: string) => Promise<Value>,
): Promise<Value> {
  const { config, log } = readSettings(command, true)
  return await withOperations(config, log, async (operations) => {
    const { users } = await operations.ask('user.list', {}, Listed)
    const found = users.find((one) => one.id === who || one.name.toLowerCase() === who.toLowerCase())
    if (found !== undefined) return await act(operations, found.id)
    throw new UsageError(`There is no user ${who}.`, { hint: 'List them with `callsift user list`.' })
  })
}
