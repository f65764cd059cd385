import { type Exchange, type Kit, sendJson } from './exchange.ts'
import { RouterError } from './router-error.ts'
import type { Target } from './target.ts'

/** A moment that does not change with every answer: clients sort and compare by it. */
const createdAt = 1_777_000_000

const perUnit = (micros: number) => (micros / 1_000_000).toString()

/** One model, in OpenAI's shape and ours beside it. */
export function modelRow(kit: Kit, target: Target): Record<string, unknown> {
  const { status, replacement } = kit.models.statusOf(target.modelId)
  return {
    id: target.modelId,
    object: 'model',
    created: createdAt,
    owned_by: target.modelId.split('/')[0],
    status,
    replacement,
    context_length: target.context,
    capabilities: target.kind === 'chat' ? ['chat', ...target.can] : ['transcription'],
    // For a million tokens, and for a minute of audio.
    pricing: {
      prompt: perUnit(target.price.inputMicros),
      completion: perUnit(target.price.outputMicros),
      minute: perUnit(target.price.minuteMicros),
    },
  }
}

/** `GET /v1/models`: what this key can use now. */
export async function listModels(kit: Kit, exchange: Exchange): Promise<void> {
  const tenant = await kit.tenants.read(exchange.key.tenant)
  const shown = kit.models.list(tenant).filter((target) => kit.models.statusOf(target.modelId).status !== 'DISABLED')
  sendJson(exchange.response, 200, { object: 'list', data: shown.map((target) => modelRow(kit, target)) })
}

/** `GET /v1/models/:modelId`, slashes raw or encoded. */
export async function showModel(kit: Kit, exchange: Exchange): Promise<void> {
  const id = exchange.params['rest'] ?? ''
  const tenant = await kit.tenants.read(exchange.key.tenant)
  const target = kit.models.list(tenant).find((one) => one.modelId === id)
  if (target === undefined || kit.models.statusOf(id).status === 'DISABLED') {
    throw new RouterError('ai_model_not_found', 'There is no such model, or it is disabled.', { param: 'model' })
  }
  sendJson(exchange.response, 200, modelRow(kit, target))
}
