import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { askYes } from './ask.ts'
import { choosePortalId } from './choose-portal.ts'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Listed = z.object({
  bots: z.array(
    z.looseObject({
      portalId: z.string(),
      botId: z.number(),
      name: z.string(),
      enabled: z.boolean(),
      polledAt: z.string().nullable(),
      lastFailure: z.string().nullable(),
      answers: z.array(z.object({ state: z.string(), class: z.string().nullable(), runs: z.number() })),
      held: z.array(z.object({ dialogId: z.string(), heldAt: z.string() })),
    }),
  ),
})

interface Common {
  readonly portal?: string
  readonly json?: boolean
}
interface SettingOptions {
  readonly instructions?: string
  readonly handover?: string[]
  readonly handoverTo?: number[]
  readonly perUser?: number
  readonly memory?: number
  readonly verdicts?: boolean
}

export function addBot(program: Command, terminal: Terminal): void {
  const bot = program
    .command('bot')
    .summary('chat bots: add, list, set, hold, release, retry, forget, remove')
    .description(
      'Bots that answer in the chats of a portal. A running `callsift serve` or `callsift work` asks for what was said to them.',
    )
  addAdd(bot, terminal)
  addList(bot, terminal)
  addSet(bot, terminal)
  addInDialog(bot, terminal, 'hold', 'Takes a dialogue over: the bot is silent in it until it is released.')
  addInDialog(bot, terminal, 'release', 'Gives a dialogue back to its bot.')
  addInDialog(bot, terminal, 'forget', 'Erases what was said in a dialogue, here; the chat stays in the portal.')
  addRetry(bot, terminal)
  addRemove(bot, terminal)
}

const gather = (text: string, before: string[] | undefined) => [...(before ?? []), text]
const gatherNumbers = (text: string, before: number[] | undefined) => [
  ...(before ?? []),
  wholeNumber(1, Number.MAX_SAFE_INTEGER)(text),
]

function withSettings(command: Command): Command {
  return command
    .option('--instructions <file>', 'a text file: what the bot is for, what it knows, how it speaks')
    .option('--handover <phrase>', 'words at which a person is called; may be given several times', gather)
    .option('--handover-to <user>', 'a user who is told then; may be given several times', gatherNumbers)
    .option('--per-user <n>', 'messages of one user that are answered within an hour', wholeNumber(1, 10_000))
    .option('--memory <hours>', 'so long what is said is kept', wholeNumber(1, 720))
    .option('--no-verdicts', 'nobody is told what a call was judged as')
}

async function settingsOf(options: SettingOptions): Promise<Record<string, unknown>> {
  const { instructions, handover, handoverTo, perUser, memory, verdicts } = options
  const given = {
    instructions: instructions === undefined ? undefined : await readInstructions(instructions),
    handoverPhrases: handover,
    handoverTo,
    perUserHour: perUser,
    memoryHours: memory,
    tellsVerdicts: verdicts === false ? false : undefined,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

async function readInstructions(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`The instructions ${path} can't be read: ${String(error)}`, { exitCode: 66 })
  }
}

function addAdd(bot: Command, terminal: Terminal): void {
  const command = withSettings(
    bot
      .command('add')
      .description('Registers a bot in the portal once you agree, and lets it answer from now on.')
      .option('--portal <id>', 'in which portal; needed where there are several')
      .option('--code <code>', 'its code; one with this code is taken over', 'callsift')
      .option('--name <name>', 'what it is called in chats', 'Callsift')
      .option('--type <type>', 'personal (may look whether an answer arrived), bot or supervisor', 'personal'),
  )
    .option('--yes', 'register it without asking')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift bot add --name Helper --instructions helper.txt --handover-to 7 --yes'])
  command.action(
    async (options: Common & SettingOptions & { code: string; name: string; type: string; yes?: boolean }) => {
      const { config, log } = readSettings(command, true)
      const settings = await settingsOf(options)
      await withOperations(config, log, async (operations) => {
        const portalId = await choosePortalId(operations, options.portal)
        if (options.yes !== true) {
          if (!terminal.interactive)
            throw new UsageError(
              `The bot ${options.name} would be registered in portal ${portalId}, and nobody is there to ask.`,
              {
                hint: 'Add --yes.',
              },
            )
          if (
            !(await askYes(`Register the bot ${options.name} in portal ${portalId}? Everybody there can write to it.`))
          )
            return
        }
        const { code, name, type } = options
        const Added = z.object({ portalId: z.string(), botId: z.number(), registered: z.boolean() })
        const added = await operations.ask('bot.add', { portalId, code, name, type, settings }, Added)
        if (options.json === true) return terminal.json(added)
        terminal.line(
          `Bot ${added.botId} of ${portalId} ${added.registered ? 'is registered' : 'stood there already'} and answers from now on.`,
        )
      })
    },
  )
}

function addList(bot: Command, terminal: Terminal): void {
  const command = bot.command('list').description('Lists the bots.').option('--json', 'answer as JSON')
  withExamples(command, ['callsift bot list'])
  command.action(async (options: Common) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('bot.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.bots.length === 0) return terminal.line('There are none. Add one with `callsift bot add`.')
    const rows = answer.bots.map((one) => [
      String(one.botId),
      one.portalId,
      one.name,
      one.enabled ? (one.lastFailure ?? 'answers') : 'off',
      showTime(one.polledAt),
      one.answers.map(({ state, class: why, runs }) => `${runs} ${why ?? state}`).join(', '),
      one.held.map((dialog) => dialog.dialogId).join(', '),
    ])
    printTable(terminal, ['ID', 'PORTAL', 'NAME', 'STATE', 'ASKED (UTC)', 'MESSAGES', 'WITH A PERSON'], rows)
  })
}

function addSet(bot: Command, terminal: Terminal): void {
  const command = withSettings(
    bot
      .command('set')
      .description('Changes what a bot is told, or lets it rest.')
      .argument('<id>')
      .option('--portal <id>', 'of which portal; needed where there are several')
      .option('--on', 'let it answer')
      .option('--off', 'let it rest'),
  ).option('--json', 'answer as JSON')
  withExamples(command, ['callsift bot set 1001 --per-user 10', 'callsift bot set 1001 --off'])
  command.action(async (id: string, options: Common & SettingOptions & { on?: boolean; off?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const settings = await settingsOf(options)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const enabled = options.off === true ? { enabled: false } : options.on === true ? { enabled: true } : {}
      const Changed = z.looseObject({ botId: z.number(), enabled: z.boolean() })
      const changed = await operations.ask('bot.change', { portalId, botId: id, settings, ...enabled }, Changed)
      if (options.json === true) return terminal.json(changed)
      terminal.line(`Bot ${changed.botId} ${changed.enabled ? 'answers' : 'rests'}.`)
    })
  })
}

const told = { hold: 'is with a person', release: 'is with the bot again', forget: 'is forgotten' } as const

function addInDialog(bot: Command, terminal: Terminal, verb: keyof typeof told, what: string): void {
  const command = bot
    .command(verb)
    .description(what)
    .argument('<id>')
    .argument('<dialog>')
    .option('--portal <id>', 'of which portal; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, [`callsift bot ${verb} 1001 chat77`])
  command.action(async (id: string, dialogId: string, options: Common) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const answer = await operations.ask(
        `bot.${verb}`,
        { portalId, botId: id, dialogId },
        z.looseObject({ botId: z.number() }),
      )
      if (options.json === true) return terminal.json(answer)
      terminal.line(`Dialogue ${dialogId} of bot ${answer.botId} ${told[verb]}.`)
    })
  })
}

function addRetry(bot: Command, terminal: Terminal): void {
  const command = bot
    .command('retry')
    .description('Sends the parked answers of a bot on their way again.')
    .argument('<id>')
    .option('--portal <id>', 'of which portal; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift bot retry 1001'])
  command.action(async (id: string, options: Common) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const answer = await operations.ask('bot.retry', { portalId, botId: id }, z.looseObject({ retried: z.number() }))
      if (options.json === true) return terminal.json(answer)
      terminal.line(`${answer.retried} answers are on their way again.`)
    })
  })
}

function addRemove(bot: Command, terminal: Terminal): void {
  const command = bot
    .command('remove')
    .description('Forgets a bot and all that was said to it.')
    .argument('<id>')
    .option('--portal <id>', 'of which portal; needed where there are several')
    .option('--unregister', 'the portal forgets it too')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift bot remove 1001 --unregister'])
  command.action(async (id: string, options: Common & { unregister?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const portalId = await choosePortalId(operations, options.portal)
      const asked = { portalId, botId: id, unregister: options.unregister === true }
      const answer = await operations.ask('bot.remove', asked, z.looseObject({ botId: z.number() }))
      if (options.json === true) return terminal.json(answer)
      terminal.line(`Bot ${answer.botId} is forgotten.`)
    })
  })
}
