import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { BackupHead } from '../db/backup-format.ts'
import type { Connection } from '../db/connect.ts'
import { UsageError } from '../errors.ts'
import { createSealer, findSecretKey, keepSecretKey } from '../seal.ts'
import { askYes } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { withRecord } from './open-record.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

interface ImportOptions {
  readonly replace?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

export function addImport(program: Command, terminal: Terminal): void {
  const command = program
    .command('import')
    .summary('bring a backup back, or move it to another database')
    .description(
      'Reads what `export` wrote into an empty record, all of it or nothing. Calls that were half-done go on where they were. Stop the service that the file came from for good: two that work on the same calls would both write.',
    )
    .argument('<file>', 'the backup; `-` is standard input')
    .option('--replace', 'remove what stands in this record first')
    .option('--yes', 'do not ask')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift import backup.ndjson',
    'gunzip -c backup.ndjson.gz | callsift import - --replace --yes',
    'DATABASE_URL=postgres://… callsift import move.ndjson    # from embedded to Postgres',
  ])
  command.action(async (file: string, options: ImportOptions) => {
    const { config, log } = readSettings(command, true)
    if (file !== '-' && (await stat(file).catch(() => null))?.isFile() !== true)
      throw new UsageError(`There is no file ${file}.`, { hint: 'Give the path of a backup.' })
    await confirm(terminal, config, file, options)
    const { importRecord } = await import('../db/import.ts')
    await withRecord(config, log, 'import', async (connection) => {
      const source: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file)
      const report = await importRecord(connection, source, {
        replace: options.replace === true,
        workerTtlMs: config.timings.workerTtlMs,
        onHead: (head) => refuseOtherKey(config, head),
      })
      const aside = await takeKey(config, report.head)
      const unopened = await countUnopened(config, connection)
      if (options.json === true) terminal.json({ ...report, head: { ...report.head, secretKey: undefined }, unopened })
      else {
        terminal.line(
          `Imported ${report.tables['calls'] ?? 0} calls (${report.rows} rows) as they stood at ${report.head.takenAt}; ${report.resumed} steps that were under way go on when the service starts.`,
        )
      }
      if (aside !== null) terminal.note(`The secret key of the backup is in force; the one before it is in ${aside}.`)
      if (unopened > 0) {
        terminal.note(
          `The API keys of ${unopened} portals can not be opened with the secret key here. Set CALLSIFT_SECRET_KEY to the one of the old record (or bring its file secret.key into ${config.dataDir}) before you start the service.`,
        )
      }
    })
  })
}

async function confirm(terminal: Terminal, config: Config, file: string, options: ImportOptions): Promise<void> {
  if (options.replace !== true || options.yes === true) return
  if (!terminal.interactive || file === '-') {
    throw new UsageError('--replace removes everything in this record, and nobody is here to be asked.', {
      hint: 'Say --yes as well.',
    })
  }
  const where = config.hasDatabase ? 'the database of DATABASE_URL' : config.dataDir
  if (!(await askYes(`Remove everything in ${where} and put ${file} there instead?`)))
    throw new UsageError('Nothing was changed.', { exitCode: exitCodes.failed })
}

async function refuseOtherKey(config: Config, head: BackupHead): Promise<void> {
  const { secretKey } = config.secrets
  if (head.secretKey === undefined || secretKey === undefined || secretKey === head.secretKey) return
  throw new UsageError('The backup brings another secret key than CALLSIFT_SECRET_KEY. Nothing was changed.', {
    hint: 'Unset CALLSIFT_SECRET_KEY to take the one of the backup, or set it to that one.',
    exitCode: exitCodes.configuration,
  })
}

/** Returns where the key went that stood here before. */
async function takeKey(config: Config, head: BackupHead): Promise<string | null> {
  if (head.secretKey === undefined || config.secrets.secretKey !== undefined) return null
  return await keepSecretKey(head.secretKey, config.dataDir, new Date())
}

/** Portals whose API key the secret key in force does not open. */
async function countUnopened(config: Config, connection: Connection): Promise<number> {
  const { listPortals } = await import('../db/portals.ts')
  const secretKey = await findSecretKey(config.secrets.secretKey, config.dataDir)
  const portals = await listPortals(connection.db)
  if (secretKey === null) return portals.length
  const sealer = createSealer(secretKey, config.secrets.previousSecretKey)
  return portals.filter((portal) => {
    try {
      sealer.unseal(portal.sealedKey, portal.id)
      return false
    } catch {
      return true
    }
  }).length
}
