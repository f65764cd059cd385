import { text as readAll } from 'node:stream/consumers'
import { Command } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { UsageError } from '../errors.ts'
import { urlHere } from '../url-here.ts'
import { askHidden, askText } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

interface AddOptions {
  readonly id?: string
  readonly memberId?: string
  readonly name?: string
  readonly domain?: string
  readonly baseUrl?: string
  readonly secretsStdin?: boolean
  readonly write?: boolean
  readonly robot?: boolean
  readonly json?: boolean
}

const Secrets = z.strictObject({
  apiKey: z.string().optional(),
  applicationToken: z.string().optional(),
  memberId: z.string().optional(),
})
const Saved = z.looseObject({
  portal: z.looseObject({ id: z.string(), name: z.string(), writeEnabled: z.boolean(), applicationTokens: z.number() }),
  robotPath: z.string().nullable(),
})
export const Checked = z.object({
  portal: z.string(),
  ok: z.boolean(),
  findings: z.array(
    z.object({
      scope: z.string(),
      ok: z.boolean(),
      finding: z.string(),
      mend: z.string().nullable(),
      requestId: z.string().nullable(),
    }),
  ),
})
const Listed = z.object({ portals: z.array(z.looseObject({ memberId: z.string() })) })

interface Facts {
  readonly memberId: string
  readonly apiKey: string
  /** Empty: no events can come, the portal is polled only. */
  readonly applicationToken: string
  readonly name: string | undefined
}

export function portalAdd(terminal: Terminal): Command {
  const command = new Command('add')
    .description(
      'Adds a portal: asks for what it needs, tests each scope of the key, prints what to enter in Bitrix24.\nBegins in observe mode: everything runs, nothing is written. A portal that is known is changed.',
    )
    .option('--member-id <id>', 'member id of the portal (BITRIX24_MEMBER_ID)')
    .option('--name <text>', 'how pages name it')
    .option('--domain <domain>', 'such as acme.bitrix24.ru')
    .option('--id <word>', 'how commands name it; by default made of its domain or member id')
    .option('--base-url <url>', 'another upstream than VIBECODE_BASE_URL')
    .option(
      '--secrets-stdin',
      'read {"apiKey":…,"applicationToken":…} from stdin (else VIBECODE_API_KEY and BITRIX24_APP_TOKEN)',
    )
    .option('--write', 'write to the timeline from the first call on')
    .option('--robot', 'make a new secret address for the robot "outgoing webhook" (made for every new portal)')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift portal add',
    'VIBECODE_API_KEY=… BITRIX24_MEMBER_ID=… BITRIX24_APP_TOKEN=… callsift portal add --name Acme',
    'callsift portal add --member-id … --secrets-stdin < secrets.json',
  ])
  command.action(async (options: AddOptions) => {
    const { config, log } = readSettings(command, true)
    const facts = await gatherFacts(terminal, config, options)
    await withOperations(config, log, (operations) => addPortal(terminal, config, operations, options, facts))
  })
  return command
}

async function gatherFacts(terminal: Terminal, config: Config, options: AddOptions): Promise<Facts> {
  const given = options.secretsStdin === true ? await readSecrets() : {}
  const memberId = options.memberId ?? given.memberId ?? config.memberId
  const apiKey = given.apiKey ?? config.secrets.apiKey
  const applicationToken = given.applicationToken ?? config.secrets.appToken
  if (terminal.interactive && options.secretsStdin !== true) {
    return {
      memberId: memberId ?? (await askText('Member id of the portal (the key shows it in VibeCode)')),
      apiKey: apiKey ?? (await askHidden('VibeCode API key')),
      applicationToken:
        applicationToken ??
        (await askHidden('Application token of the outgoing webhook, empty to poll only', { optional: true })),
      name: options.name ?? (await askText('Name for pages and logs', options.domain ?? '')),
    }
  }
  const missing = [
    memberId === undefined ? 'the member id (--member-id)' : '',
    apiKey === undefined ? 'the API key (VIBECODE_API_KEY or --secrets-stdin)' : '',
  ].filter(Boolean)
  if (memberId === undefined || apiKey === undefined) {
    throw new UsageError(`Nobody is there to ask, and ${missing.join(' and ')} is not given.`, {
      hint: 'See `callsift portal add --help`.',
    })
  }
  return { memberId, apiKey, applicationToken: applicationToken ?? '', name: options.name }
}

async function readSecrets(): Promise<z.output<typeof Secrets>> {
  try {
    return Secrets.parse(JSON.parse(await readAll(process.stdin)))
  } catch {
    // What stood there is secret: it is not quoted.
    throw new UsageError('The secrets on stdin are not the JSON object that was expected.', {
      hint: 'Send {"apiKey":"…","applicationToken":"…"}.',
    })
  }
}

async function addPortal(
  terminal: Terminal,
  config: Config,
  operations: Operations,
  options: AddOptions,
  facts: Facts,
): Promise<void> {
  const { portals } = await operations.ask('portal.list', {}, Listed)
  const isNew = !portals.some((portal) => portal.memberId === facts.memberId)
  const saved = await operations.ask(
    'portal.save',
    {
      id: options.id,
      memberId: facts.memberId,
      domain: options.domain,
      name: facts.name === '' ? undefined : facts.name,
      baseUrl: options.baseUrl,
      apiKey: facts.apiKey,
      applicationToken: facts.applicationToken === '' ? undefined : facts.applicationToken,
      robot: isNew || options.robot === true,
      writeEnabled: options.write === true ? true : undefined,
    },
    Saved,
  )
  terminal.note(`Portal ${saved.portal.id} is saved. Testing what its key may do…`)
  const check = await operations.ask('portal.check', { id: saved.portal.id }, Checked)
  const base = config.publicUrl ?? urlHere(config.host, config.port)
  const handlerUrl = `${base}/webhooks/bitrix24`
  const robotUrl = saved.robotPath === null ? null : `${base}${saved.robotPath}`
  process.exitCode = check.ok ? exitCodes.ok : exitCodes.failed
  if (options.json === true) return terminal.json({ portal: saved.portal, check, handlerUrl, robotUrl })
  printFindings(terminal, check)
  printSteps(terminal, {
    handlerUrl,
    robotUrl,
    isPublic: config.publicUrl !== undefined,
    writes: saved.portal.writeEnabled,
    id: saved.portal.id,
    polled: saved.portal.applicationTokens === 0,
  })
}

export function printFindings(terminal: Terminal, check: z.output<typeof Checked>): void {
  for (const finding of check.findings) {
    terminal.line(
      `  ${finding.ok ? terminal.paint('green', 'ok  ') : terminal.paint('red', 'FAIL')}  ${finding.scope.padEnd(10)} ${finding.finding}`,
    )
    if (finding.mend !== null)
      terminal.line(
        `                   ${finding.mend}${finding.requestId === null ? '' : ` (request ${finding.requestId})`}`,
      )
  }
}

function printSteps(
  terminal: Terminal,
  facts: {
    handlerUrl: string
    robotUrl: string | null
    isPublic: boolean
    writes: boolean
    id: string
    polled: boolean
  },
): void {
  terminal.line()
  terminal.line(`Handler URL  ${terminal.paint('cyan', facts.handlerUrl)}`)
  if (!facts.isPublic)
    terminal.line(
      '             This address is not known to be public: set CALLSIFT_PUBLIC_URL to what Bitrix24 can reach. Without one, calls are found by polling.',
    )
  if (facts.robotUrl !== null)
    terminal.line(`Robot URL    ${terminal.paint('cyan', facts.robotUrl)}   (holds a secret; shown this once)`)
  terminal.line()
  terminal.line('In Bitrix24: Developer resources > Other > Outgoing webhook')
  terminal.line('  1. enter the handler URL, choose the event ONVOXIMPLANTCALLEND, save')
  terminal.line(
    `  2. ${facts.polled ? `copy its application token and run \`callsift portal add\` again with it` : 'see that its application token is the one given here'}`,
  )
  terminal.line('  3. callsift doctor --send-test-event')
  terminal.line()
  terminal.line(
    facts.writes
      ? 'Writing is ON: each verdict becomes a timeline entry. Entries cannot be deleted.'
      : `OBSERVE mode: verdicts are shown, nothing is written. When they please: callsift portal write ${facts.id} on`,
  )
}
