import { randomUUID } from 'node:crypto'
import { finishAudit, startAudit } from '../db/audit.ts'
import {
  deleteCredential,
  insertCredential,
  type RouterCredential,
  sealedFor,
  setCredentialState,
  updateCredential,
} from '../db/router-credentials.ts'
import { rememberSecret } from '../known-secrets.ts'
import { askProvider } from './ask-provider.ts'
import { readBaseUrl } from './base-url.ts'
import { type Exchange, type Kit, sendJson } from './exchange.ts'
import { findCredential } from './find-credential.ts'
import { customProvider, findProvider, type Provider, providers } from './providers.ts'
import { readJson } from './read-json.ts'
import { RouterError } from './router-error.ts'

const maxBodyBytes = 64 * 1024
const maxCheckBytes = 256 * 1024
const bad = (message: string) => new RouterError('invalid_request', message)
const exists = () =>
  new RouterError('already_exists', 'A key for this provider (and address) exists already.', {
    headers: { 'x-should-retry': 'false' },
  })

/** What may be shown of it: of the key no more than its end. */
export function credentialView(credential: RouterCredential): Record<string, unknown> {
  return {
    id: credential.id,
    provider: credential.provider,
    label: credential.label,
    baseUrl: credential.baseUrl === '' ? null : credential.baseUrl,
    keyLast4: credential.last4 === '' ? null : credential.last4,
    status: credential.state,
    createdAt: credential.createdAt,
    updatedAt: credential.updatedAt,
  }
}

/** `GET /v1/ai/providers` */
export async function listProviders(_kit: Kit, exchange: Exchange): Promise<void> {
  const rows = providers.map(({ id, name }) => ({ id, name, type: 'byok', requiresBaseUrl: id === customProvider }))
  const own = { id: 'bitrix', name: 'Bitrix24', type: 'platform', requiresBaseUrl: false }
  sendJson(exchange.response, 200, { success: true, data: [own, ...rows] })
}

/** `GET /v1/ai/credentials` */
export async function listOwnCredentials(kit: Kit, exchange: Exchange): Promise<void> {
  const { credentials } = await kit.tenants.read(exchange.key.tenant)
  sendJson(exchange.response, 200, { success: true, data: credentials.map(credentialView) })
}

function readKey(value: unknown, needed: boolean): string | null {
  if (value === undefined || value === null || value === '') {
    if (needed) throw bad('apiKey must be given.')
    return null
  }
  // It goes into a header: nothing that could end one.
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,500}$/.test(value)) throw bad('apiKey must be printable text.')
  rememberSecret(value)
  return value
}

function readLabel(value: unknown, usual: string): string {
  if (value === undefined || value === null) return usual
  if (typeof value !== 'string' || value.trim() === '' || value.length > 100) throw bad('label must be a short text.')
  return value.trim()
}

/** Throws `RouterError` credential_invalid where the provider refuses the key. What it says about it is not repeated. */
async function verify(kit: Kit, provider: Provider, baseUrl: string, apiKey: string | null): Promise<void> {
  const headers: Record<string, string> =
    apiKey === null ? {} : { authorization: `Bearer ${apiKey}`, ...provider.headers?.(apiKey) }
  const where = { baseUrl: kit.models.baseUrlOf({ provider: provider.id, baseUrl }), guarded: baseUrl !== '', headers }
  const { status } = await askProvider(kit, where, provider.checkPath, maxCheckBytes)
  if (status >= 200 && status < 300) return
  // A server of one's own need not list its models.
  if (provider.id === customProvider && [404, 405, 501].includes(status)) return
  if (status === 429 || status >= 500)
    throw new RouterError('ai_provider_unavailable', `The provider answered ${status}.`)
  throw new RouterError('credential_invalid', `The provider refused the key (${status}).`)
}

/** Stands in the audit; whatever goes wrong, also how it ended. */
async function audited(
  kit: Kit,
  exchange: Exchange,
  action: string,
  subject: string,
  act: () => Promise<void>,
): Promise<void> {
  const id = await startAudit(kit.db, { actor: `router key ${exchange.key.id}`, action, subject })
  try {
    await act()
    await finishAudit(kit.db, id, 'done')
  } catch (error) {
    await finishAudit(kit.db, id, error instanceof RouterError ? error.code : 'it failed').catch(() => undefined)
    throw error
  } finally {
    kit.tenants.forget(exchange.key.tenant)
  }
}

/** `POST /v1/ai/credentials`: connects a provider's key, after asking the provider. */
export async function createCredential(kit: Kit, exchange: Exchange): Promise<void> {
  const body = await readJson(exchange.request, maxBodyBytes)
  const provider = findProvider(body['provider'])
  if (provider === undefined) throw new RouterError('provider_not_found', 'There is no such provider.')
  const custom = provider.id === customProvider
  if (!custom && body['baseUrl'] !== undefined && body['baseUrl'] !== null) {
    throw bad('baseUrl is taken for a Custom provider only.')
  }
  const baseUrl = custom ? readBaseUrl(body['baseUrl'], kit.allowHosts) : ''
  const apiKey = readKey(body['apiKey'], !custom)
  const { tenant } = exchange.key
  const place = { id: randomUUID(), tenant, baseUrl }
  const row = {
    ...place,
    provider: provider.id,
    label: readLabel(body['label'], provider.name),
    keySealed: apiKey === null ? null : kit.sealer.seal(apiKey, sealedFor(place)),
    last4: endOf(apiKey),
  }
  await audited(kit, exchange, 'credential.create', `credential ${row.id}`, async () => {
    const { credentials } = await kit.tenants.read(tenant)
    if (credentials.some((one) => one.provider === row.provider && one.baseUrl === baseUrl)) throw exists()
    await verify(kit, provider, baseUrl, apiKey)
    if (!(await insertCredential(kit.db, row))) throw exists()
  })
  await sendFresh(kit, exchange, 201, row.id)
}

/** Four letters of a short key would be most of it. */
function endOf(apiKey: string | null): string {
  return apiKey === null || apiKey.length < 12 ? '' : apiKey.slice(-4)
}

async function sendFresh(kit: Kit, exchange: Exchange, status: number, id: string): Promise<void> {
  const { credentials } = await kit.tenants.read(exchange.key.tenant)
  const found = credentials.find((one) => one.id === id)
  if (found === undefined) throw new RouterError('not_found', 'Credential not found')
  sendJson(exchange.response, status, { success: true, data: credentialView(found) })
}

/** `PATCH /v1/ai/credentials/:id`. Another address needs the key again: else whoever has a router key could have it sent to himself. */
export async function patchCredential(kit: Kit, exchange: Exchange): Promise<void> {
  const standing = await findCredential(kit, exchange)
  const body = await readJson(exchange.request, maxBodyBytes)
  const provider = findProvider(standing.provider)
  if (provider === undefined) throw new RouterError('provider_not_found', 'The provider is not offered any more.')
  const moved = body['baseUrl'] !== undefined
  if (moved && standing.provider !== customProvider) throw bad('baseUrl is taken for a Custom provider only.')
  const baseUrl = moved ? readBaseUrl(body['baseUrl'], kit.allowHosts) : standing.baseUrl
  const apiKey = readKey(body['apiKey'], false)
  if (baseUrl !== standing.baseUrl && apiKey === null && standing.keySealed !== null) {
    throw bad('Another baseUrl needs the apiKey again.')
  }
  const row = {
    ...standing,
    label: readLabel(body['label'], standing.label),
    baseUrl,
    ...(apiKey === null
      ? {}
      : {
          keySealed: kit.sealer.seal(apiKey, sealedFor({ ...standing, baseUrl })),
          last4: endOf(apiKey),
          state: 'valid' as const,
        }),
  }
  await audited(kit, exchange, 'credential.update', `credential ${standing.id}`, async () => {
    if (apiKey !== null || moved) await verify(kit, provider, baseUrl, apiKey)
    if ((await updateCredential(kit.db, row)) === 'taken') throw exists()
  })
  await sendFresh(kit, exchange, 200, standing.id)
}

/** `DELETE /v1/ai/credentials/:id` */
export async function removeCredential(kit: Kit, exchange: Exchange): Promise<void> {
  const { id } = await findCredential(kit, exchange)
  await audited(kit, exchange, 'credential.delete', `credential ${id}`, async () => {
    await deleteCredential(kit.db, exchange.key.tenant, id)
  })
  sendJson(exchange.response, 200, { success: true, data: { id, deleted: true } })
}

/** `POST /v1/ai/credentials/:id/test`: asks the provider now, and takes the credential back in where it says yes. */
export async function testCredential(kit: Kit, exchange: Exchange): Promise<void> {
  const credential = await findCredential(kit, exchange)
  const provider = findProvider(credential.provider)
  if (provider === undefined) throw new RouterError('provider_not_found', 'The provider is not offered any more.')
  const where = {
    baseUrl: kit.models.baseUrlOf(credential),
    guarded: credential.provider === customProvider,
    headers: kit.models.headersOf(credential),
  }
  const { status } = await askProvider(kit, where, provider.checkPath, maxCheckBytes)
  const refused = status === 401 || status === 403
  await setCredentialState(kit.db, credential.id, refused ? 'invalid' : 'valid')
  kit.tenants.forget(credential.tenant)
  if (refused) throw new RouterError('credential_invalid', `The provider refused the key (${status}).`)
  sendJson(exchange.response, 200, { success: true, data: { id: credential.id, valid: true } })
}
