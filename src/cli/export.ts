import { once } from 'node:events'
import { open, rename, rm, stat } from 'node:fs/promises'
import type { Command } from 'commander'
import type { ExportReport } from '../db/export.ts'
import { UsageError } from '../errors.ts'
import { findSecretKey } from '../seal.ts'
import { programVersion } from '../version.ts'
import { exitCodes } from './exit-codes.ts'
import { withRecord } from './open-record.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

interface ExportOptions {
  readonly withSecretKey?: boolean
  readonly json?: boolean
}

type Write = (text: string) => Promise<void>

export function addExport(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .summary('the whole record as one file: a backup, or a move')
    .description(
      'Writes the record (calls, runs, verdicts, recordings that were uploaded, portals, settings) as one file of JSON lines. It holds personal data. API keys stay sealed: keep the secret key with it, but not in the same place.',
    )
    .argument('[file]', 'where to; `-` is standard output', defaultName(new Date()))
    .option('--with-secret-key', 'put the secret key into the file: whoever has the file can then use the portals')
    .option('--json', 'answer as JSON')
  withExamples(command, [
    'callsift export backup.ndjson',
    'callsift export - | gzip > backup.ndjson.gz',
    'callsift export move.ndjson && DATABASE_URL=postgres://… callsift import move.ndjson',
  ])
  command.action(async (file: string, options: ExportOptions) => {
    const { config, log } = readSettings(command, true)
    const secretKey = await findSecretKey(config.secrets.secretKey, config.dataDir)
    if (options.withSecretKey === true && secretKey === null) {
      throw new UsageError('There is no secret key to put into the file.', {
        hint: 'Set CALLSIFT_SECRET_KEY, or CALLSIFT_DATA to the folder that has the file secret.key.',
        exitCode: exitCodes.configuration,
      })
    }
    const { exportRecord } = await import('../db/export.ts')
    const facts = {
      program: programVersion,
      ...(options.withSecretKey === true && secretKey !== null ? { secretKey } : {}),
    }
    const report = await withRecord(config, log, 'export', (connection) =>
      file === '-'
        ? exportRecord(connection, facts, writeOut)
        : writeFile(file, (write) => exportRecord(connection, facts, write)),
    )
    tell(terminal, file, report, options)
  })
}

function tell(terminal: Terminal, file: string, report: ExportReport, options: ExportOptions): void {
  if (options.json === true && file !== '-') terminal.json({ file, ...report })
  else {
    const size = report.bytes < 1e6 ? `${Math.ceil(report.bytes / 1e3)} kB` : `${(report.bytes / 1e6).toFixed(1)} MB`
    terminal.note(
      `Exported ${report.tables['calls'] ?? 0} calls (${report.rows} rows, ${size})${file === '-' ? '' : ` to ${file}`}.`,
    )
  }
  terminal.note(
    options.withSecretKey === true
      ? 'The file holds the secret key: whoever has it can use the portals. Keep it like a password.'
      : 'API keys in it are sealed. To restore them, the secret key must come along: CALLSIFT_SECRET_KEY, or the file secret.key of the data folder.',
  )
}

function defaultName(now: Date): string {
  return `callsift-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}.ndjson`
}

async function writeOut(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Written beside its place and moved there when it is whole: a file of that name is never half a backup. Readable to its owner only. */
async function writeFile<Value>(path: string, use: (write: Write) => Promise<Value>): Promise<Value> {
  if ((await stat(path).catch(() => null)) !== null) {
    throw new UsageError(`${path} is there already.`, { hint: 'Give another name, or remove it.' })
  }
  const partial = `${path}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    const result = await use((text) => file.appendFile(text))
    await file.sync()
    await file.close()
    await rename(partial, path)
    return result
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(partial, { force: true })
    throw error
  }
}
