import type { Command } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { askYes } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { CallShown, exitCodeOfCall, followCall, printCall } from './follow-call.ts'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { printTranscript } from './print-transcript.ts'
import { type ManyOptions, retryMany } from './retry-many.ts'
import { listenForStop } from './stopping.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

interface Named {
  readonly portal?: string
  readonly json?: boolean
}

const Listed = z.object({
  calls: z.array(
    z.looseObject({
      id: z.string(),
      portalId: z.string(),
      callRef: z.string().nullable(),
      createdAt: z.string(),
      phone: z.string().nullable(),
      state: z.string(),
      class: z.string().nullable(),
      quality: z.string().nullable(),
      score: z.number().nullable(),
      written: z.string().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
})
const Freed = z.object({ callId: z.string(), freed: z.number() })
const Paid = z.object({ again: z.array(z.string()), ifChanged: z.array(z.string()) })
const Rerun = z.object({ callId: z.string(), from: z.string(), paid: Paid, generation: z.number().nullable() })
const Assigned = z.looseObject({ callId: z.string(), generation: z.number(), note: z.string().nullable() })
const Again = z.looseObject({ callId: z.string(), intentNo: z.number(), generation: z.number() })
const Cancelled = z.object({ callId: z.string(), state: z.string() })

function verb(parent: Command, name: string, description: string, examples: readonly string[]): Command {
  const command = parent
    .command(name)
    .description(description)
    .argument('<call>', 'its id here, its CALL_ID, or activity:ID')
    .option('--portal <id>', 'of this portal')
    .option('--json', 'answer as JSON')
  return withExamples(command, examples)
}

const nameOf = (call: string, options: Named) => ({
  call,
  ...(options.portal === undefined ? {} : { portalId: options.portal }),
})

export function addCallVerbs(parent: Command, terminal: Terminal): void {
  addShow(parent, terminal)
  addList(parent, terminal)
  addRetryTo(parent, terminal)
  addRerun(parent, terminal)
  addAssign(parent, terminal)
  addWriteAgain(parent, terminal)
  addCancel(parent, terminal)
}

function addShow(parent: Command, terminal: Terminal): void {
  const command = verb(
    parent,
    'show',
    'Everything known of one call: how far it came, why it waits, its verdict, entry and transcript.',
    ['callsift call show 42', 'callsift call show activity:1337 --json', 'callsift call show 42 --follow'],
  )
  command.option('--follow', 'watch it until it ends')
  command.action(async (call: string, options: Named & { follow?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      let shown = await operations.ask('call.show', nameOf(call, options), CallShown)
      if (options.follow === true) {
        const stopping = listenForStop()
        const stop = new AbortController()
        void stopping.asked.then(() => stop.abort())
        shown = (await followCall(terminal, operations, shown.call.id, stop.signal)) ?? shown
        stopping.release()
      }
      process.exitCode = exitCodeOfCall(shown)
      if (options.json === true) terminal.json(shown)
      else {
        printCall(terminal, shown)
        if (shown.transcript.merged !== null) printTranscript(terminal, shown.transcript.merged)
      }
    })
  })
}

interface ListOptions {
  readonly status?: string
  readonly portal?: string
  readonly cause?: string
  readonly step?: string
  readonly quality?: string
  readonly period?: string
  readonly q?: string
  readonly limit: number
  readonly cursor?: string
  readonly json?: boolean
}

function addList(parent: Command, terminal: Terminal): void {
  onList(parent.command('list').description('Lists calls, newest first.'), terminal, 'callsift call list')
}

/** `callsift calls` is short for `callsift call list`. */
export function addCalls(program: Command, terminal: Terminal): void {
  onList(
    program
      .command('calls')
      .summary('list calls by state, cause, step, verdict')
      .description('Lists calls, newest first.'),
    terminal,
    'callsift calls',
  )
}

function onList(command: Command, terminal: Terminal, name: string): void {
  command
    .option('--status <word>', 'running, done, parked or cancelled')
    .option('--cause <word>', 'that failed or wait for this reason, such as scope_missing')
    .option('--step <name>', 'that stand at this step, such as classifyLead')
    .option('--quality <word>', 'judged high, medium or low')
    .option('--period <word>', 'of the last 1h, 24h, 7d, 30d or 90d')
    .option('--q <text>', 'with this phone, CRM record, CALL_ID or id')
    .option('--portal <id>', 'of this portal')
    .option('--limit <number>', 'so many', wholeNumber(1, 200), 50)
    .option('--cursor <id>', 'go on after the last page')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    name,
    `${name} --status parked --json`,
    `${name} --cause ai_provider_timeout --period 24h`,
    `${name} --q +74951234567`,
    `${name} --quality high --limit 200 --json | jq -r '.calls[].entityId'`,
    `${name} --limit 200 --cursor 4711    # the next page: --json has it as nextCursor`,
  ])
  command.action(async ({ json, ...filter }: ListOptions) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('call.list', filter, Listed))
    if (json === true) return terminal.json(answer)
    if (answer.calls.length === 0) return terminal.line('There are no such calls.')
    const rows = answer.calls.map((one) => [
      one.id,
      showTime(one.createdAt),
      one.portalId,
      one.phone ?? '-',
      one.class === null ? one.state : `${one.state} (${one.class})`,
      one.quality === null ? '-' : `${one.quality} ${one.score ?? ''}`.trim(),
      one.written ?? '-',
    ])
    printTable(terminal, ['ID', 'TAKEN IN', 'PORTAL', 'PHONE', 'STATE', 'VERDICT', 'ENTRY'], rows)
    if (answer.nextCursor !== null) terminal.note(`More: --cursor ${answer.nextCursor}`)
  })
}

const retryWords = 'Sends the parked steps of a call on their way again; what succeeded is not repeated.'

function onRetry(command: Command, terminal: Terminal): void {
  command.action(async (call: string, options: Named) => {
    const { config, log } = readSettings(command, true)
    await retryOne(terminal, config, log, call, options)
  })
}

async function retryOne(terminal: Terminal, config: Config, log: Log, call: string, options: Named): Promise<void> {
  const answer = await withOperations(config, log, (operations) =>
    operations.ask('call.retry', nameOf(call, options), Freed),
  )
  if (options.json === true) return terminal.json(answer)
  terminal.line(
    `Call ${answer.callId} goes on (${answer.freed} steps). Watch it: callsift call show ${answer.callId} --follow`,
  )
}

function addRetryTo(parent: Command, terminal: Terminal): void {
  onRetry(verb(parent, 'retry', retryWords, ['callsift call retry 42']), terminal)
}

/** `callsift retry 42` is short for `callsift call retry 42`; with a cause it retries all that stand still for it. */
export function addRetry(program: Command, terminal: Terminal): void {
  const command = withExamples(
    program
      .command('retry')
      .summary('send parked calls on their way again: one, or all of a cause')
      .description(retryWords)
      .argument('[call]', 'its id here, its CALL_ID, or activity:ID')
      .option('--portal <id>', 'of this portal')
      .option('--cause <word>', 'all that are parked for this reason')
      .option('--from <step>', 'run them again from this step, such as transcribe')
      .option('--dry-run', 'only count them, and say what would be paid again')
      .option('--yes', 'do not ask')
      .option('--json', 'answer as JSON'),
    [
      'callsift retry 42',
      'callsift calls --cause ai_provider_timeout        # which they are',
      'callsift retry --cause ai_provider_timeout --from transcribe --dry-run',
      'callsift retry --cause ai_provider_timeout --yes   # where each stopped; nothing that succeeded is paid again',
    ],
  )
  command.action(async (call: string | undefined, options: Named & ManyOptions) => {
    const { config, log } = readSettings(command, true)
    if (call === undefined) {
      if (options.cause === undefined)
        throw new UsageError('Which calls?', { hint: 'Name one call, or --cause; `callsift status` lists the causes.' })
      const from = options.from === undefined ? {} : { from: stepNamed(options.from) }
      return await retryMany(terminal, config, log, { ...options, ...from })
    }
    if (options.cause !== undefined || options.from !== undefined || options.dryRun !== undefined)
      throw new UsageError('One call and a cause cannot both be named.', {
        hint: 'One call again from a step: callsift call rerun ID --from STEP',
      })
    await retryOne(terminal, config, log, call, options)
  })
}

const stepNames = [
  'locateRecording',
  'planAudio',
  'transcribePart',
  'mergeTranscript',
  'classifyLead',
  'writeTimeline',
  'followUp',
]

/** `transcribe` is short for `transcribePart`, where no other step begins so. */
function stepNamed(word: string): string {
  const begun = stepNames.filter((name) => name.toLowerCase().startsWith(word.toLowerCase()))
  const meant = word === 'timeline' ? ['writeTimeline'] : begun
  return meant.length === 1 && meant[0] !== undefined ? meant[0] : word
}

function addRerun(parent: Command, terminal: Terminal): void {
  const command = verb(
    parent,
    'rerun',
    'Runs a call again from a step. Outputs whose input is unchanged are reused; what must be paid again is said first.',
    ['callsift call rerun 42 --from classifyLead', 'callsift call rerun 42 --from writeTimeline --yes'],
  )
    .requiredOption('--from <step>', `${stepNames.join(', ')}; or how it begins`)
    .option('--yes', 'do not ask')
  command.action(async (call: string, options: Named & { from: string; yes?: boolean }) => {
    const { config, log } = readSettings(command, true)
    await withOperations(config, log, async (operations) => {
      const from = stepNamed(options.from)
      const input = { ...nameOf(call, options), from }
      const { paid, callId } = await operations.ask('call.rerun', { ...input, preview: true }, Rerun)
      terminal.note(
        paid.again.length === 0 ? 'Nothing is certainly paid again.' : `Paid again: ${paid.again.join(', ')}.`,
      )
      if (paid.ifChanged.length > 0)
        terminal.note(`Paid again only where their input has changed: ${paid.ifChanged.join(', ')}.`)
      if (options.yes !== true && paid.again.length > 0) {
        if (!terminal.interactive)
          throw new UsageError('This is paid for again, and nobody is there to ask.', { hint: 'Add --yes.' })
        if (!(await askYes(`Run call ${callId} again from ${from}?`))) {
          process.exitCode = exitCodes.failed
          return terminal.line('Nothing was changed.')
        }
      }
      const done = await operations.ask('call.rerun', input, Rerun)
      if (options.json === true) return terminal.json(done)
      terminal.line(`Call ${done.callId} runs again from ${done.from} (generation ${done.generation}).`)
    })
  })
}

function addAssign(parent: Command, terminal: Terminal): void {
  const id = wholeNumber(1, Number.MAX_SAFE_INTEGER)
  const command = verb(
    parent,
    'assign',
    'Says which CRM record a call belongs to, and runs it again; transcript and verdict are reused.',
    ['callsift call assign 42 --deal 7'],
  )
    .option('--deal <id>', 'this deal', id)
    .option('--lead <id>', 'this lead', id)
    .option('--contact <id>', 'this contact', id)
    .option('--company <id>', 'this company', id)
  command.action(
    async (call: string, options: Named & { lead?: number; deal?: number; contact?: number; company?: number }) => {
      const given = [options.lead, options.deal, options.contact, options.company].flatMap((entityId, index) =>
        entityId === undefined ? [] : [{ entityTypeId: index + 1, entityId: String(entityId) }],
      )
      const [entity] = given
      if (entity === undefined || given.length > 1)
        throw new UsageError('Name one record.', { hint: 'Give one of --deal, --lead, --contact or --company.' })
      const { config, log } = readSettings(command, true)
      const answer = await withOperations(config, log, (operations) =>
        operations.ask('call.assign', { ...nameOf(call, options), ...entity }, Assigned),
      )
      if (options.json === true) return terminal.json(answer)
      terminal.line(`Call ${answer.callId} is assigned and goes on.${answer.note === null ? '' : ` ${answer.note}`}`)
    },
  )
}

function addWriteAgain(parent: Command, terminal: Terminal): void {
  const command = verb(
    parent,
    'write-again',
    'Writes a second entry beside the one that stands. Entries cannot be deleted.',
    ['callsift call write-again 42 --yes'],
  ).option('--yes', 'do not ask')
  command.action(async (call: string, options: Named & { yes?: boolean }) => {
    if (options.yes !== true) {
      if (!terminal.interactive)
        throw new UsageError('A second entry cannot be deleted, and nobody is there to ask.', { hint: 'Add --yes.' })
      if (!(await askYes(`Write a second entry for call ${call}? It cannot be deleted.`)))
        return terminal.line('Nothing was changed.')
    }
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('call.write-again', { ...nameOf(call, options), yes: true }, Again),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Call ${answer.callId}: entry number ${answer.intentNo} will be written.`)
  })
}

function addCancel(parent: Command, terminal: Terminal): void {
  const command = verb(
    parent,
    'cancel',
    'Ends a call that is running or parked; what is under way may finish, but nothing follows it.',
    ['callsift call cancel 42'],
  )
  command.action(async (call: string, options: Named) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('call.cancel', nameOf(call, options), Cancelled),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Call ${answer.callId} is cancelled.`)
  })
}
