import { readFile } from 'node:fs/promises'
import { Argument, type Command } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { askYes } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { withOperations } from './operations.ts'
import { commaList, readSettings, withExamples } from './options.ts'
import { Checked, portalAdd, printFindings } from './portal-add.ts'
import { addFields } from './portal-fields.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Portal = z.looseObject({
  id: z.string(),
  name: z.string(),
  writeEnabled: z.boolean(),
  sandbox: z.boolean(),
  robot: z.boolean(),
  applicationTokens: z.number(),
  lastEventAt: z.string().nullable(),
  settings: z.record(z.string(), z.unknown()),
})
const Listed = z.object({ portals: z.array(Portal) })
const Changed = z.looseObject({ portal: Portal, note: z.string().nullish() })
const Removed = z.object({ id: z.string(), removed: z.literal(true), endedRuns: z.number() })

interface Json {
  readonly json?: boolean
}

export function addPortal(program: Command, terminal: Terminal): void {
  const portal = program
    .command('portal')
    .summary('portals: add, list, check, write, set, fields, remove')
    .description('The Bitrix24 portals whose calls are taken in.')
  portal.addCommand(portalAdd(terminal).copyInheritedSettings(portal))
  addList(portal, terminal)
  addCheck(portal, terminal)
  addWrite(portal, terminal)
  addSet(portal, terminal)
  addFields(portal, terminal)
  addRemove(portal, terminal)
}

function addList(portal: Command, terminal: Terminal): void {
  const command = portal.command('list').description('Lists the portals.').option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal list'])
  command.action(async (options: Json) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('portal.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.portals.length === 0) return terminal.line('There are no portals. Add one with `callsift portal add`.')
    const rows = answer.portals.map((one) => [
      one.id,
      one.sandbox ? `${one.name} ${terminal.paint('yellow', 'SANDBOX')}` : one.name,
      one.writeEnabled && config.write ? 'writes' : 'observes',
      one.applicationTokens === 0 ? 'polled only' : 'by event',
      showTime(one.lastEventAt),
      Object.entries(one.settings)
        .map(
          ([name, value]) =>
            `${name}=${name === 'prompt' ? '…' : typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
        )
        .join(' '),
    ])
    printTable(terminal, ['ID', 'NAME', 'MODE', 'CALLS COME', 'LAST EVENT', 'SETTINGS'], rows)
  })
}

function addCheck(portal: Command, terminal: Terminal): void {
  const command = portal
    .command('check')
    .description("Tests with free calls whether the portal's key may do all that is needed.")
    .argument('<id>')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal check acme'])
  command.action(async (id: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    terminal.note('Asking the upstream, one free call for each scope…')
    const check = await withOperations(config, log, (operations) => operations.ask('portal.check', { id }, Checked))
    process.exitCode = check.ok ? exitCodes.ok : exitCodes.failed
    if (options.json === true) terminal.json(check)
    else printFindings(terminal, check)
  })
}

function addWrite(portal: Command, terminal: Terminal): void {
  const command = portal
    .command('write')
    .description(
      'Turns writing on or off. Off (observe mode): everything runs, the entry is shown, nothing is written.',
    )
    .argument('<id>')
    .addArgument(new Argument('<on|off>').choices(['on', 'off']))
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal write acme on', 'callsift portal write acme off'])
  command.action(async (id: string, word: string, options: Json) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('portal.write', { id, on: word === 'on' }, Changed),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(
      answer.portal.writeEnabled
        ? `Portal ${id} is written to. Entries cannot be deleted.`
        : `Portal ${id} is in OBSERVE mode: nothing is written.`,
    )
    if (typeof answer.note === 'string') terminal.line(answer.note)
  })
}

const lists = new Set(['directions', 'users', 'lines'])
const numbers = new Set([
  'minSeconds',
  'capDailyMinutes',
  'capMonthlyMinutes',
  'capDailyCost',
  'capMonthlyCost',
  'alertNoEventHours',
  'hotLeadBot',
])
const switches = new Set(['verdictFields', 'attachDialogue', 'bindEntry', 'portalTranscript'])

/** Refused here: on its way to a service JSON would turn it into null, which takes a cap away. */
function readNumber(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new UsageError(`"${text}" is no number for ${name}.`, {
    hint: 'Write name=number, such as capDailyMinutes=600.',
  })
}

function readSwitch(name: string, text: string): boolean {
  if (/^(on|true|yes|1)$/.test(text)) return true
  if (/^(off|false|no|0)$/.test(text)) return false
  throw new UsageError(`"${text}" is neither on nor off for ${name}.`, { hint: `Write ${name}=on or ${name}=off.` })
}

/** `minSeconds=20`, `users=1,7`, `prompt=@rubric.txt`; nothing after the sign takes a setting back to the program's default. */
async function readSetting(pair: string): Promise<[string, unknown]> {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`"${pair}" is not a setting.`, { hint: 'Write name=value, such as minSeconds=20.' })
  const name = pair.slice(0, at)
  const value = pair.slice(at + 1)
  if (value === '') return [name, null]
  if (lists.has(name)) return [name, commaList(value)]
  if (numbers.has(name)) return [name, readNumber(name, value)]
  if (switches.has(name)) return [name, readSwitch(name, value)]
  if (name === 'lineLanguages') {
    const pairs = commaList(value).map((pair) => [pair.slice(0, pair.lastIndexOf(':')), pair.split(':').at(-1)])
    return [name, Object.fromEntries(pairs)]
  }
  if (name === 'verdictTriggers') {
    const pairs = commaList(value).map((pair) => [pair.split(':')[0], pair.slice(pair.indexOf(':') + 1)])
    return [name, Object.fromEntries(pairs)]
  }
  if (name === 'alertBot') {
    const [botId = '', dialogId] = value.split('/', 2)
    return [name, { botId: readNumber(name, botId), dialogId }]
  }
  if (value.startsWith('@')) return [name, await readFile(value.slice(1), 'utf8')]
  return [name, value]
}

function addSet(portal: Command, terminal: Terminal): void {
  const command = portal
    .command('set')
    .description(
      "Changes a portal's own settings: minSeconds, directions (in,out), users, lines, language (two letters or auto), lineLanguages (LINE:xx,…), stereo (split or mix), agentChannel (left, right or caller), glossary, chatModel, speechModel, prompt (@file reads a file), verdictFields, attachDialogue, bindEntry and portalTranscript (on or off), hotLeadBot (BOT), verdictTriggers (high:CODE,…), timeZone, capDailyMinutes, capMonthlyMinutes, capDailyCost, capMonthlyCost, alertBot (BOT/DIALOG), alertNoEventHours, workingHours.\nAn empty value takes one back to the program's default.",
    )
    .argument('<id>')
    .argument('<name=value...>')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift portal set acme minSeconds=20 directions=in',
    'callsift portal set acme language=auto prompt=@rubric.txt',
    'callsift portal set acme users=',
    'callsift portal set acme capDailyMinutes=600 timeZone=Europe/Moscow',
    'callsift portal set acme verdictFields=on bindEntry=on hotLeadBot=41 verdictTriggers=high:AI_HOT',
    'callsift portal set acme alertBot=41/chat77 workingHours="Mon-Fri 9-18"',
  ])
  command.action(async (id: string, pairs: string[], options: Json) => {
    const { config, log } = readSettings(command, true)
    const settings = Object.fromEntries(await Promise.all(pairs.map(readSetting)))
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('portal.settings', { id, settings }, Changed),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Portal ${id} now has: ${JSON.stringify(answer.portal.settings)}`)
  })
}

function addRemove(portal: Command, terminal: Terminal): void {
  const command = portal
    .command('remove')
    .description(
      'Takes a portal out of service and forgets its key. What runs for it ends; its calls stay for the record.',
    )
    .argument('<id>')
    .option('--yes', 'do not ask')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift portal remove acme', 'callsift portal remove acme --yes'])
  command.action(async (id: string, options: Json & { yes?: boolean }) => {
    const { config, log } = readSettings(command, true)
    if (options.yes !== true) {
      if (!terminal.interactive)
        throw new UsageError('Removing a portal wants a word of consent, and nobody is there to ask.', {
          hint: 'Add --yes.',
        })
      if (!(await askYes(`Remove portal ${id}, end what runs for it, and forget its key?`)))
        return terminal.line('Nothing was changed.')
    }
    const answer = await withOperations(config, log, (operations) => operations.ask('portal.remove', { id }, Removed))
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Portal ${answer.id} is removed; ${answer.endedRuns} open runs of it were ended.`)
  })
}
