import type { Command } from 'commander'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'

interface SandboxOptions {
  readonly port: number
  readonly host: string
  readonly scale?: number
  readonly latency: number
  readonly hearing: number
  readonly portal: string
  readonly webhook?: string
  readonly url?: string
  readonly ring?: boolean
  readonly json?: boolean
}

export function addSandbox(program: Command, terminal: Terminal): void {
  const command = program
    .command('sandbox')
    .summary('play a Bitrix24 portal and an AI provider, to try things without either')
    .description(
      'Runs a Bitrix24 portal behind VibeCode and an AI provider over HTTP, with the documented limits, errors and faults.\nEverything it says is marked SANDBOX. All it knows is in memory.',
    )
    .option('--port <number>', 'where to listen; 0 = any free port', wholeNumber(0, 65_535), 8788)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--scale <factor>', 'multiplies the documented rate limits, for load tests', wholeNumber(1, 1_000_000))
    .option('--latency <ms>', 'added to every request of the API', wholeNumber(0, 600_000), 0)
    .option('--hearing <ms>', 'what the recogniser takes over a minute of sound', wholeNumber(0, 600_000), 0)
    .option('--portal <name>', 'name of the portal that is ready at start', 'sandbox')
    .option('--webhook <url>', 'where the portal sends its events')
    .option('--url <address>', 'where others reach it, when that is not where it listens (in a container)')
    .option(
      '--ring',
      'once it is known where events go, let each of its recordings ring, and show each entry that is written',
    )
    .option('--json', 'print the addresses and the key as JSON')
  withExamples(command, [
    'callsift sandbox --port 8788',
    'callsift sandbox --host 0.0.0.0 --url http://sandbox:8788 --ring     # for a serve with CALLSIFT_SANDBOX_URL',
    'callsift sandbox --webhook http://127.0.0.1:8787/webhooks/bitrix24',
    `curl -X POST http://127.0.0.1:8788/__sandbox/calls -d '{"portal":"sandbox"}'     # a call rings and ends`,
    `curl -X POST http://127.0.0.1:8788/__sandbox/faults -d '{"route":".*","kind":"status","status":429,"times":5}'`,
  ])
  command.action(async (options: SandboxOptions) => {
    const { config, log } = readSettings(command, true)
    const { startSandbox } = await import('../sandbox/sandbox.ts')
    const stopping = listenForStop()
    const sandbox = await startSandbox({
      host: options.host,
      port: options.port,
      latencyMs: options.latency,
      hearingMsPerMinute: options.hearing,
      ...(options.url === undefined ? {} : { origin: options.url.replace(/\/+$/, '') }),
      limits: { scale: options.scale ?? config.sandboxScale },
      log,
    })
    const portal = sandbox.addPortal({
      name: options.portal,
      ...(options.webhook === undefined ? {} : { webhookUrl: options.webhook }),
    })
    const facts = {
      sandbox: true,
      url: sandbox.url,
      controls: `${sandbox.origin}/__sandbox`,
      portal: portal.name,
      apiKey: portal.key.value,
      memberId: portal.memberId,
      applicationToken: portal.applicationToken,
      webhookUrl: portal.webhookUrl ?? null,
    }
    if (options.json === true) terminal.json(facts)
    else printFacts(terminal, facts)
    const controller = new AbortController()
    const ringing =
      options.ring === true
        ? import('./sandbox-ring.ts').then(({ ringOnce }) => ringOnce(terminal, sandbox, portal, controller.signal))
        : Promise.resolve()
    await Promise.race([stopping.asked, ringing.then(() => stopping.asked)])
    controller.abort()
    await ringing
    await sandbox.close()
  })
}

function printFacts(terminal: Terminal, facts: Record<string, string | boolean | null>): void {
  const settings: [string, string][] = [
    ['VIBECODE_BASE_URL', String(facts['url'])],
    ['VIBECODE_API_KEY', String(facts['apiKey'])],
    ['BITRIX24_MEMBER_ID', String(facts['memberId'])],
    ['BITRIX24_APP_TOKEN', String(facts['applicationToken'])],
  ]
  terminal.line(
    `${terminal.paint('yellow', 'SANDBOX')}: portal "${facts['portal']}" is ready. Nothing here is real, and nothing is kept.`,
  )
  terminal.line()
  for (const [name, value] of settings) terminal.line(`  ${name}=${value}`)
  terminal.line()
  terminal.line(
    `  Events go to      ${facts['webhookUrl'] ?? 'nobody yet: POST {"name":…,"webhookUrl":…} to /__sandbox/portals, or start with --webhook'}`,
  )
  terminal.line(`  Control routes    GET ${facts['controls']}/routes`)
  terminal.line(`  A call            curl -X POST ${facts['controls']}/calls -d '{"portal":"${facts['portal']}"}'`)
  terminal.line('  Ctrl-C ends it.')
}
