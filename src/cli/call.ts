import type { Command } from 'commander'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { addCallVerbs } from './call-verbs.ts'
import { exitCodes } from './exit-codes.ts'
import { CallShown, exitCodeOfCall, followCall, printCall } from './follow-call.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { concurrencyOf } from './service.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

interface CallOptions {
  readonly callId?: string
  readonly activityId?: string
  readonly url?: string
  readonly portal?: string
  readonly deal?: number
  readonly lead?: number
  readonly dryRun?: boolean
  readonly key?: string
  readonly wait: boolean
  readonly json?: boolean
}

const Submitted = z.object({ callId: z.string(), runId: z.string(), outcome: z.enum(['accepted', 'duplicate']) })

export function addCall(program: Command, terminal: Terminal): void {
  const id = wholeNumber(1, Number.MAX_SAFE_INTEGER)
  const command = program
    .command('call')
    .summary('take one call in and follow it; show, list, retry, rerun, assign')
    .description(
      'Takes a call in by its recording, its CALL_ID, its CRM activity or an address, and follows it to its end.\nExit code 1 when it is parked and needs a person.',
    )
    .argument('[file]', 'a recording on this machine')
    .option('--call-id <id>', "the portal's CALL_ID")
    .option('--activity-id <id>', 'the CRM activity of the call')
    .option('--url <address>', 'where the recording can be fetched')
    .option('--portal <id>', 'of this portal; needed where there are several')
    .option('--deal <id>', 'write to this deal', id)
    .option('--lead <id>', 'write to this lead', id)
    .option('--dry-run', 'show the entry that would be written, and write nothing')
    .option('--key <word>', 'idempotency key: the same key is the same call')
    .option('--no-wait', 'do not follow it: print its id and end')
    .option('--json', 'answer as JSON')
    .enablePositionalOptions()
  withExamples(command, [
    'callsift call recording.mp3 --deal 1234 --dry-run',
    'callsift call --call-id externalCall.ab12cd34.1719838800',
    'callsift call list --status parked',
    'callsift call show 42',
    'callsift call rerun 42 --from classifyLead',
  ])
  command.action(async (file: string | undefined, options: CallOptions) => {
    const sources = [file, options.callId, options.activityId, options.url].filter((one) => one !== undefined)
    if (
      sources.length === 0 ||
      (file !== undefined && options.url !== undefined) ||
      (options.deal !== undefined && options.lead !== undefined)
    ) {
      throw new UsageError(
        'Name one call: a file, --call-id, --activity-id or --url; and at most one of --deal and --lead.',
        {
          hint: 'See `callsift call --help`.',
        },
      )
    }
    const { config, log } = readSettings(command, true)
    const stopping = listenForStop()
    const stop = new AbortController()
    void stopping.asked.then(() => stop.abort())
    try {
      await withOperations(config, log, async (operations) => {
        const submitted = await submit(operations, file, options)
        terminal.note(
          `Call ${submitted.callId} ${submitted.outcome === 'accepted' ? 'is taken in' : 'was known already'}.`,
        )
        if (!options.wait) return options.json === true ? terminal.json(submitted) : terminal.line(submitted.callId)
        // Nobody else owns this embedded record, so nobody else would do the work.
        if (operations.app !== null && !config.hasDatabase) {
          await operations.app.start()
          await operations.app.engine.work({ concurrency: concurrencyOf(config) })
        }
        await followToEnd(terminal, operations, submitted.callId, stop.signal, options.json === true)
      })
    } finally {
      stopping.release()
    }
  })
  addCallVerbs(command, terminal)
}

async function submit(
  operations: Operations,
  file: string | undefined,
  options: CallOptions,
): Promise<z.output<typeof Submitted>> {
  const entity =
    options.deal !== undefined
      ? { entityTypeId: 2, entityId: String(options.deal) }
      : options.lead !== undefined
        ? { entityTypeId: 1, entityId: String(options.lead) }
        : {}
  const given = {
    portalId: options.portal,
    callId: options.callId,
    activityId: options.activityId,
    recordingUrl: options.url,
    dryRun: options.dryRun,
    idempotencyKey: options.key,
    ...entity,
  }
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return file === undefined
    ? await operations.ask('call.submit', fields, Submitted)
    : await operations.submitFile(file, fields, Submitted)
}

/** Follows the call and prints what became of it; sets the exit code. */
export async function followToEnd(
  terminal: Terminal,
  operations: Operations,
  callId: string,
  stop: AbortSignal,
  json: boolean,
): Promise<void> {
  const shown = await followCall(terminal, operations, callId, stop)
  if (shown === null) {
    terminal.note(`No longer watching. Look later with: callsift call show ${callId}`)
    process.exitCode = exitCodes.tryLater
    return
  }
  process.exitCode = exitCodeOfCall(shown)
  if (json) terminal.json(await operations.ask('call.show', { call: callId }, z.unknown()))
  else printCall(terminal, CallShown.parse(shown))
}
