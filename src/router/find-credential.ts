import type { RouterCredential } from '../db/router-credentials.ts'
import type { Exchange, Kit } from './exchange.ts'
import { RouterError } from './router-error.ts'

/**
 * The credential of the path, among the tenant's own. Somebody else's and one that never was read alike, in words and in time: nothing
 * is looked up by the id. Throws `RouterError` not_found.
 */
export async function findCredential(kit: Kit, { key, params }: Exchange): Promise<RouterCredential> {
  const { credentials } = await kit.tenants.read(key.tenant)
  const found = credentials.find((one) => one.id === params['id'])
  if (found === undefined) throw new RouterError('not_found', 'Credential not found')
  return found
}
