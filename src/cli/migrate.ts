import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

export function addMigrate(program: Command, terminal: Terminal): void {
  const command = program
    .command('migrate')
    .summary("bring the record's schema up to this release")
    .description(
      'Brings the schema up to what this release knows. `serve` and `work` do it at their start as well; a release before stays able to work beside it.',
    )
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift migrate --dry-run', 'DATABASE_URL=postgres://… callsift migrate'])
  command.action(async (options: { dryRun?: boolean; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const { databaseUrl } = config.secrets
    const { holdFolder } = await import('../db/owner-lock.ts')
    const owner = databaseUrl === undefined ? await holdFolder(config.dataDir) : null
    if (owner?.kind === 'held') {
      throw new UsageError(
        `The record in ${config.dataDir} is in use by the service at ${owner.url}, which brought it up at its start.`,
        {
          hint: 'Stop that service to migrate by hand.',
          exitCode: exitCodes.configuration,
        },
      )
    }
    const [{ openDatabase }, { migrate, programLevel }] = await Promise.all([
      import('../db/connect.ts'),
      import('../db/migrate.ts'),
    ])
    const connection = await openDatabase(
      databaseUrl === undefined ? { dataDir: config.dataDir } : { databaseUrl },
      log,
    )
    try {
      const report = await migrate(connection.db, { dryRun: options.dryRun === true })
      if (options.json === true) return terminal.json({ ...report, programLevel, dryRun: options.dryRun === true })
      if (report.applied.length === 0) return terminal.line(`The schema is at level ${report.to}: nothing to do.`)
      const would = options.dryRun === true ? 'would be' : 'was'
      terminal.line(
        `The schema ${would} brought from level ${report.from} to ${report.to} (steps ${report.applied.join(', ')}).`,
      )
    } finally {
      await connection.close()
      await owner?.release()
    }
  })
}
