import type { Config } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import { listPortals, type Portal, savePortal } from '../src/db/portals.ts'
import { UsageError } from '../src/errors.ts'
import { keyIdOf, type Sealer } from '../src/seal.ts'

/**
 * The portal named by VIBECODE_API_KEY and BITRIX24_MEMBER_ID (and BITRIX24_APP_TOKEN; without it the portal is only polled).
 * Saved at each start, so that a key changed in the environment is the key in use. Null when none is named.
 */
export async function saveEnvPortal(config: Config, db: Database, sealer: Sealer): Promise<Portal | null> {
  const { apiKey, appToken } = config.secrets
  if (apiKey === undefined && appToken === undefined && config.memberId === undefined) return null
  if (apiKey === undefined || config.memberId === undefined) {
    throw new UsageError('A portal in the environment needs both VIBECODE_API_KEY and BITRIX24_MEMBER_ID.', {
      exitCode: 78,
      hint: 'The member id stands in each event as auth[member_id], and in the portal under Developer resources. For portals kept in the database set neither, and use: callsift portal add',
    })
  }
  const standing = (await listPortals(db)).find((portal) => portal.memberId === config.memberId)
  if (standing !== undefined && standing.keyId === keyIdOf(apiKey) && appToken === undefined) return standing
  return await savePortal(db, sealer, {
    id: standing?.id ?? `portal-${config.memberId.slice(0, 8)}`,
    memberId: config.memberId,
    name: standing?.name ?? config.memberId,
    baseUrl: config.vibecodeBaseUrl,
    apiKey,
    applicationToken: appToken,
    writeEnabled: standing?.writeEnabled ?? config.write,
    sandbox: standing?.sandbox ?? false,
  })
}
