import type { Command } from 'commander'
import { z } from 'zod'
import { urlHere } from '../url-here.ts'
import { exitCodes } from './exit-codes.ts'
import { type Operations, withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'
import { sendTestEvent } from './test-event.ts'

const Finding = z.object({
  topic: z.string(),
  state: z.enum(['ok', 'warn', 'fail']),
  what: z.string(),
  mend: z.string().nullable(),
})
const Examined = z.object({ ok: z.boolean(), findings: z.array(Finding) })
const Listed = z.object({ portals: z.array(z.looseObject({ id: z.string(), memberId: z.string() })) })

interface DoctorOptions {
  readonly sendTestEvent?: boolean
  readonly portal?: string
  readonly json?: boolean
}

export function addDoctor(program: Command, terminal: Terminal): void {
  const command = program
    .command('doctor')
    .summary('look at all that must be right, with the mend for what is not')
    .description(
      'Checks keys, scopes, gates, stores, clocks, workers and events; free calls only. Exit code 1 when something fails.',
    )
    .option(
      '--send-test-event',
      'post an event of no length to our own handler, with the token in BITRIX24_APP_TOKEN, and say what came back',
    )
    .option('--portal <id>', 'whose member id the test event carries; needed where there are several')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift doctor', 'BITRIX24_APP_TOKEN=… callsift doctor --send-test-event'])
  command.action(async (options: DoctorOptions) => {
    const { config, log } = readSettings(command, true)
    terminal.note('Looking at everything, the upstream included…')
    const examined = await withOperations(config, log, async (operations) => {
      const { findings } = await operations.ask('doctor', {}, Examined)
      if (options.sendTestEvent === true) findings.push(await tryEvent(operations, config, options.portal))
      return { ok: findings.every((finding) => finding.state !== 'fail'), findings }
    })
    process.exitCode = examined.ok ? exitCodes.ok : exitCodes.failed
    if (options.json === true) return terminal.json(examined)
    const marks = {
      ok: terminal.paint('green', 'ok  '),
      warn: terminal.paint('yellow', 'warn'),
      fail: terminal.paint('red', 'FAIL'),
    }
    for (const finding of examined.findings) {
      terminal.line(`${marks[finding.state]}  ${finding.topic.padEnd(16)} ${finding.what}`)
      if (finding.mend !== null) terminal.line(`${' '.repeat(23)}${terminal.paint('dim', finding.mend)}`)
    }
  })
}

async function tryEvent(
  operations: Operations,
  config: { publicUrl: string | undefined; host: string; port: number; secrets: { appToken: string | undefined } },
  portalId: string | undefined,
): Promise<z.output<typeof Finding>> {
  const topic = 'test event'
  const { portals } = await operations.ask('portal.list', {}, Listed)
  const portal =
    portalId === undefined && portals.length === 1 ? portals[0] : portals.find((one) => one.id === portalId)
  if (portal === undefined)
    return {
      topic,
      state: 'fail',
      what: 'It is not clear for which portal the event should be.',
      mend: 'Name it with --portal.',
    }
  const { appToken } = config.secrets
  if (appToken === undefined) {
    return {
      topic,
      state: 'fail',
      what: 'No token to sign the event with: only digests are stored.',
      mend: 'Give the application token as BITRIX24_APP_TOKEN.',
    }
  }
  const baseUrl = config.publicUrl ?? operations.url ?? urlHere(config.host, config.port)
  const sent = await sendTestEvent(baseUrl, {
    memberId: portal.memberId,
    applicationToken: appToken,
    nowMs: Date.now(),
  })
  return { topic, state: sent.ok ? 'ok' : 'fail', what: sent.what, mend: sent.mend }
}
