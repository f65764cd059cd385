import type { Config } from '../config.ts'
import type { Connection } from '../db/connect.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { exitCodes } from './exit-codes.ts'

/**
 * Opens the record alone, as it stands, without migrating it or building a program on it. An embedded record is taken for as long;
 * where a service has it, that is refused: its one session would be kept from taking calls in.
 */
export async function withRecord<Value>(
  config: Config,
  log: Log,
  verb: string,
  use: (connection: Connection) => Promise<Value>,
): Promise<Value> {
  const { databaseUrl } = config.secrets
  const [{ holdFolder }, { openDatabase }] = await Promise.all([
    import('../db/owner-lock.ts'),
    import('../db/connect.ts'),
  ])
  const owner = databaseUrl === undefined ? await holdFolder(config.dataDir) : null
  if (owner?.kind === 'held') {
    throw new UsageError(`The record in ${config.dataDir} is in use by the service at ${owner.url}.`, {
      hint: `Stop that service, ${verb}, and start it again. On a database server (DATABASE_URL) \`export\` needs no stop.`,
      exitCode: exitCodes.configuration,
    })
  }
  try {
    const connection = await openDatabase(
      databaseUrl === undefined ? { dataDir: config.dataDir } : { databaseUrl },
      log,
    )
    try {
      return await use(connection)
    } finally {
      await connection.close()
    }
  } finally {
    await owner?.release()
  }
}
