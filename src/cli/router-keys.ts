import type { Command } from 'commander'
import { z } from 'zod'
import { csvLine } from '../csv.ts'
import { withOperations } from './operations.ts'
import { commaList, readSettings, wholeNumber, withExamples } from './options.ts'
import { printTable, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Created = z.object({ id: z.string(), name: z.string(), tenant: z.string(), key: z.string() })
const Listed = z.object({
  keys: z.array(
    z.looseObject({
      id: z.string(),
      tenant: z.string(),
      name: z.string(),
      last4: z.string(),
      scopes: z.array(z.string()),
      createdAt: z.string(),
      expiresAt: z.string().nullable(),
      revokedAt: z.string().nullable(),
    }),
  ),
})
const Revoked = z.object({ id: z.string(), revoked: z.literal(true) })
const UsageRow = z.object({
  day: z.string(),
  keyId: z.string(),
  credentialId: z.string(),
  model: z.string(),
  requests: z.number(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  audioMs: z.number(),
  costMicros: z.number(),
})
const Usage = z.object({ days: z.number(), rows: z.array(UsageRow) })

interface CreateOptions {
  readonly tenant?: string
  readonly scopes?: string[]
  readonly app?: boolean
  readonly perSecond?: number
  readonly tokensPerDay?: number
  readonly budget?: number
  readonly expires?: string
  readonly json?: boolean
}

const most = Number.MAX_SAFE_INTEGER

/** `router key-create`, `keys`, `key-revoke` and `usage`. */
export function addRouterKeys(router: Command, terminal: Terminal): void {
  const create = router
    .command('key-create')
    .description('Makes a key and shows it this once. Its HMAC is kept.')
    .argument('<name>', 'who will use it')
    .option('--tenant <name>', 'whose provider keys it uses (default)')
    .option('--scopes <list>', 'what it may do (vibe:ai)', commaList)
    .option('--app', 'a key that begins with vibe_app_')
    .option('--per-second <number>', 'requests a second', wholeNumber(1, 100_000))
    .option('--tokens-per-day <number>', 'tokens in a day (UTC)', wholeNumber(1, most))
    .option('--budget <micros>', 'money in a calendar month, in millionths', wholeNumber(0, most))
    .option('--expires <time>', 'when it ends, such as 2027-01-01T00:00:00Z')
    .option('--json', 'answer as JSON')
  withExamples(create, ['callsift router key-create cursor', 'callsift router key-create team --budget 5000000'])
  create.action(async (name: string, { json, app, budget, expires, ...options }: CreateOptions) => {
    const { config, log } = readSettings(create, true)
    const input = { name, kind: app === true ? 'app' : 'api', budgetMicros: budget, expiresAt: expires, ...options }
    const made = await withOperations(config, log, (operations) => operations.ask('router.key.create', input, Created))
    if (json === true) return terminal.json(made)
    terminal.note(`Key ${made.id} for ${made.name} of ${made.tenant}. It is shown this once:`)
    terminal.line(made.key)
  })

  const list = router.command('keys').description('Lists the keys.').option('--json', 'answer as JSON')
  list.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(list, true)
    const answer = await withOperations(config, log, (operations) => operations.ask('router.key.list', {}, Listed))
    if (options.json === true) return terminal.json(answer)
    if (answer.keys.length === 0) return terminal.line('There are no keys. Make one with `callsift router key-create`.')
    const rows = answer.keys.map((one) => [
      one.id,
      one.name,
      one.tenant,
      `…${one.last4}`,
      one.scopes.join(' '),
      showTime(one.createdAt),
      one.revokedAt !== null
        ? `revoked ${showTime(one.revokedAt)}`
        : one.expiresAt === null
          ? 'yes'
          : `until ${showTime(one.expiresAt)}`,
    ])
    printTable(terminal, ['ID', 'NAME', 'TENANT', 'KEY', 'SCOPES', 'CREATED', 'IN FORCE'], rows)
  })

  const revoke = router
    .command('key-revoke')
    .description('Takes a key out of force, within a second and for good.')
    .argument('<id>', 'its number, from `router keys`')
    .option('--json', 'answer as JSON')
  revoke.action(async (id: string, options: { json?: boolean }) => {
    const { config, log } = readSettings(revoke, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('router.key.revoke', { id }, Revoked),
    )
    if (options.json === true) return terminal.json(answer)
    terminal.line(`Key ${answer.id} is revoked.`)
  })

  const usage = router
    .command('usage')
    .description('What was passed on, by day, key, credential and model.')
    .option('--days <number>', 'so many days, today included', wholeNumber(1, 366), 7)
    .option('--csv', 'as CSV')
    .option('--json', 'answer as JSON')
  withExamples(usage, ['callsift router usage --days 30', 'callsift router usage --csv > usage.csv'])
  usage.action(async (options: { days: number; csv?: boolean; json?: boolean }) => {
    const { config, log } = readSettings(usage, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('router.usage', { days: options.days }, Usage),
    )
    if (options.json === true) return terminal.json(answer)
    const columns = UsageRow.keyof().options
    if (options.csv === true) {
      terminal.line(csvLine(columns).trimEnd())
      for (const row of answer.rows) terminal.line(csvLine(columns.map((name) => row[name])).trimEnd())
      return
    }
    if (answer.rows.length === 0) return terminal.line('Nothing was passed on.')
    const rows = answer.rows.map((row) => columns.map((name) => String(row[name])))
    printTable(terminal, ['DAY', 'KEY', 'CREDENTIAL', 'MODEL', 'REQUESTS', 'IN', 'OUT', 'AUDIO MS', 'MICROS'], rows)
  })
}
