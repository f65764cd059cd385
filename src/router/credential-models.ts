import { randomUUID } from 'node:crypto'
import {
  deleteRouterModel,
  insertRouterModels,
  type RouterCredential,
  type RouterModel,
} from '../db/router-credentials.ts'
import { askProvider } from './ask-provider.ts'
import { type Exchange, type Kit, sendJson } from './exchange.ts'
import { findCredential } from './find-credential.ts'
import { customProvider } from './providers.ts'
import { readJson } from './read-json.ts'
import { RouterError } from './router-error.ts'

const mostModels = 2_000
const maxListBytes = 8 * 1024 * 1024
const modelName = /^[\w./:@+-]{1,180}$/
const bad = (message: string) => new RouterError('invalid_request', message)

async function findCustom(kit: Kit, exchange: Exchange): Promise<RouterCredential> {
  const credential = await findCredential(kit, exchange)
  if (credential.provider === customProvider) return credential
  throw new RouterError('not_custom_provider', 'Models are registered for Custom providers only.')
}

function view(model: RouterModel): Record<string, unknown> {
  return {
    id: model.id,
    modelId: model.model,
    name: `${customProvider}/${model.model}`,
    kind: model.kind,
    contextLength: model.contextLength,
    pricing: { inputMicros: model.inputMicros, outputMicros: model.outputMicros, minuteMicros: model.minuteMicros },
  }
}

/** Recognisers are told by their names, as their lists say nothing of it. */
const kindOf = (model: string) => (/whisper|transcri|parakeet|canary/i.test(model) ? 'transcription' : 'chat')

const rowFor = (credentialId: string, model: string): RouterModel => ({
  id: randomUUID(),
  credentialId,
  model,
  kind: kindOf(model),
  contextLength: null,
  inputMicros: 0,
  outputMicros: 0,
  minuteMicros: 0,
})

/** `GET /v1/ai/credentials/:id/models` */
export async function listCredentialModels(kit: Kit, exchange: Exchange): Promise<void> {
  const { id } = await findCredential(kit, exchange)
  const { models } = await kit.tenants.read(exchange.key.tenant)
  const data = models.filter((model) => model.credentialId === id).map(view)
  sendJson(exchange.response, 200, { success: true, data })
}

/** `POST /v1/ai/credentials/:id/models`: by hand, for a server that lists none. */
export async function addCredentialModel(kit: Kit, exchange: Exchange): Promise<void> {
  const credential = await findCustom(kit, exchange)
  const body = await readJson(exchange.request, 64 * 1024)
  const name = body['modelId']
  if (typeof name !== 'string' || !modelName.test(name)) throw bad('modelId must be the name of a model.')
  const kind = body['kind'] ?? kindOf(name)
  if (kind !== 'chat' && kind !== 'transcription') throw bad('kind must be chat or transcription.')
  const row: RouterModel = {
    ...rowFor(credential.id, name),
    kind,
    contextLength: readWhole(body['contextLength'], 'contextLength'),
    inputMicros: readWhole(body['inputMicros'], 'inputMicros') ?? 0,
    outputMicros: readWhole(body['outputMicros'], 'outputMicros') ?? 0,
    minuteMicros: readWhole(body['minuteMicros'], 'minuteMicros') ?? 0,
  }
  if ((await insertRouterModels(kit.db, [row])) === 0) {
    throw new RouterError('already_exists', 'The model is registered already.', {
      headers: { 'x-should-retry': 'false' },
    })
  }
  kit.tenants.forget(credential.tenant)
  sendJson(exchange.response, 201, { success: true, data: view(row) })
}

function readWhole(value: unknown, name: string): number | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 2_000_000_000) return value
  throw bad(`${name} must be a whole number.`)
}

/** `DELETE /v1/ai/credentials/:id/models/:modelRowId` */
export async function removeCredentialModel(kit: Kit, exchange: Exchange): Promise<void> {
  const credential = await findCredential(kit, exchange)
  const { models } = await kit.tenants.read(credential.tenant)
  const row = models.find((one) => one.credentialId === credential.id && one.id === exchange.params['modelRowId'])
  if (row === undefined) throw new RouterError('not_found', 'Model not found')
  await deleteRouterModel(kit.db, credential.id, row.id)
  kit.tenants.forget(credential.tenant)
  sendJson(exchange.response, 200, { success: true, data: { id: row.id, deleted: true } })
}

/** `POST /v1/ai/credentials/:id/fetch-models`: takes over the provider's own list, 2,000 at most. */
export async function fetchModels(kit: Kit, exchange: Exchange): Promise<void> {
  const credential = await findCustom(kit, exchange)
  const where = { baseUrl: kit.models.baseUrlOf(credential), guarded: true, headers: kit.models.headersOf(credential) }
  const { status, text, cut } = await askProvider(kit, where, '/models', maxListBytes)
  const names = status >= 200 && status < 300 ? readNames(text, cut) : null
  if (names === null) {
    throw new RouterError('provider_list_models_unavailable', 'The provider lists no models: add them one by one.')
  }
  const added = await insertRouterModels(
    kit.db,
    names.map((name) => rowFor(credential.id, name)),
  )
  kit.tenants.forget(credential.tenant)
  sendJson(exchange.response, 200, { success: true, data: { found: names.length, added, models: names } })
}

/** Null for what is no list of models. Of a list that was cut, the whole entries. */
function readNames(text: string, cut: boolean): string[] | null {
  try {
    const value: unknown = JSON.parse(cut ? `${text.slice(0, text.lastIndexOf('},') + 1)}]}` : text)
    const data = typeof value === 'object' && value !== null && 'data' in value ? value.data : undefined
    if (!Array.isArray(data)) return null
    const ids = (data as unknown[]).map((one) =>
      typeof one === 'object' && one !== null && 'id' in one ? one.id : null,
    )
    const names = ids.filter((id): id is string => typeof id === 'string' && modelName.test(id))
    return [...new Set(names)].slice(0, mostModels)
  } catch {
    return null
  }
}
