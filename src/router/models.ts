import { type RouterCredential, type RouterModel, sealedFor } from '../db/router-credentials.ts'
import type { Sealer } from '../seal.ts'
import { listedModels, type Price } from './prices.ts'
import { customProvider, findProvider } from './providers.ts'
import { RouterError } from './router-error.ts'
import type { OwnModel, RouterSettings } from './settings.ts'
import type { Target } from './target.ts'
import type { Tenant } from './tenants.ts'

export type Kind = 'chat' | 'transcription'
export type Status = 'ACTIVE' | 'DEPRECATED' | 'DISABLED'

export interface Resolved {
  /** The model first, then its fallbacks; never empty. */
  readonly targets: readonly Target[]
  /** What tells of the model's end. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Models {
  /** Whoever may serve what was asked for. Throws `RouterError` of the model codes. */
  resolve(tenant: Tenant, asked: unknown, kind: Kind): Resolved
  /** All that the tenant can use, own models first. */
  list(tenant: Tenant): Target[]
  statusOf(id: string): { readonly status: Status; readonly replacement: string | null }
  /** Headers for a credential's requests. Throws `RouterError` where its key cannot be unsealed. */
  headersOf(credential: RouterCredential): Record<string, string>
  baseUrlOf(credential: Pick<RouterCredential, 'provider' | 'baseUrl'>): string
}

const longestId = 200

export function createModels(
  settings: RouterSettings,
  sealer: Sealer,
  onUnreadable: (credential: RouterCredential) => void,
): Models {
  const aliases = new Map(Object.entries(settings.aliases))
  const fallbacks = new Map(Object.entries(settings.fallbacks))
  const lifecycle = new Map(Object.entries(settings.lifecycle))
  const prices = new Map(Object.entries(settings.prices))
  const upstreams = new Map(Object.entries(settings.upstreams))
  const moved = new Map(Object.entries(settings.providers))

  const priced = (id: string, price: Price): Price => {
    const own = prices.get(id)
    return {
      inputMicros: own?.input ?? price.inputMicros,
      outputMicros: own?.output ?? price.outputMicros,
      minuteMicros: own?.minute ?? price.minuteMicros,
    }
  }

  const ownTarget = (model: OwnModel): Target => {
    const upstream = upstreams.get(model.upstream)
    const headers: Record<string, string> =
      upstream?.apiKey === undefined ? {} : { authorization: `Bearer ${upstream.apiKey}` }
    return {
      modelId: model.id,
      kind: model.kind,
      context: model.context ?? null,
      can: model.can,
      price: priced(model.id, { inputMicros: model.input, outputMicros: model.output, minuteMicros: model.minute }),
      upstreamModel: model.model ?? model.id.slice(model.id.indexOf('/') + 1),
      source: model.upstream,
      baseUrl: upstream?.baseUrl ?? '',
      headers: () => headers,
      guarded: false,
      credential: false,
    }
  }
  const own = new Map(settings.models.map((model) => [model.id, ownTarget(model)]))

  const baseUrlOf: Models['baseUrlOf'] = ({ provider, baseUrl }) =>
    baseUrl !== '' ? baseUrl : (moved.get(provider)?.baseUrl ?? findProvider(provider)?.baseUrl ?? '')

  const headersOf: Models['headersOf'] = (credential) => {
    if (credential.keySealed === null) return {}
    let apiKey: string
    try {
      apiKey = sealer.unseal(credential.keySealed, sealedFor(credential))
    } catch (cause) {
      onUnreadable(credential)
      throw new RouterError('ai_provider_unavailable', "The provider's key cannot be opened; connect it again.", {
        headers: { 'x-should-retry': 'false' },
        cause,
      })
    }
    return { authorization: `Bearer ${apiKey}`, ...findProvider(credential.provider)?.headers?.(apiKey) }
  }

  const credentialTargets = (credential: RouterCredential, added: readonly RouterModel[]): Target[] => {
    const common = {
      source: credential.id,
      baseUrl: baseUrlOf(credential),
      headers: () => headersOf(credential),
      guarded: credential.provider === customProvider,
      credential: true,
    }
    const prefix = `${credential.provider}/`
    const listed = listedModels
      .filter((model) => model.id.startsWith(prefix))
      .map((model) => ({
        ...common,
        modelId: model.id,
        kind: model.kind,
        context: model.context,
        can: model.can,
        price: priced(model.id, model.price),
        upstreamModel: model.id.slice(prefix.length),
      }))
    const byHand = added
      .filter((model) => model.credentialId === credential.id)
      .map((model) => ({
        ...common,
        modelId: `${prefix}${model.model}`,
        kind: model.kind,
        context: model.contextLength,
        can: [],
        price: priced(`${prefix}${model.model}`, model),
        upstreamModel: model.model,
      }))
    return [...listed, ...byHand]
  }

  /** A tenant that is read anew is another object: what is remembered of it goes with it. */
  const lists = new WeakMap<Tenant, Map<string, Target>>()
  const listOf = (tenant: Tenant): Map<string, Target> => {
    const known = lists.get(tenant)
    if (known !== undefined) return known
    const found = new Map(own)
    for (const credential of tenant.credentials) {
      if (credential.state === 'invalid') continue
      for (const target of credentialTargets(credential, tenant.models)) {
        if (!found.has(target.modelId)) found.set(target.modelId, target)
      }
    }
    lists.set(tenant, found)
    return found
  }

  const find = (tenant: Tenant, id: string, kind: Kind): Target => {
    const mine = own.get(id)
    if (mine?.kind === kind) return mine
    const target = listOf(tenant).get(id)
    if (target?.kind === kind) return target
    const known =
      listedModels.some((model) => model.id === id && model.kind === kind) ||
      (tenant.credentials.some((one) => one.state === 'invalid') && byInvalid(tenant, id))
    if (known) {
      throw new RouterError('ai_credentials_not_configured', `No working provider key serves ${id}; connect one.`)
    }
    throw new RouterError('ai_model_not_found', `Model ${id} not found.`, { param: 'model' })
  }

  const byInvalid = (tenant: Tenant, id: string): boolean =>
    tenant.credentials
      .filter((one) => one.state === 'invalid')
      .some((one) => credentialTargets(one, tenant.models).some((target) => target.modelId === id))

  const statusOf: Models['statusOf'] = (id) => {
    const row = lifecycle.get(id)
    return { status: row?.status ?? 'ACTIVE', replacement: row?.replacement ?? null }
  }

  const readId = (asked: unknown, kind: Kind): string => {
    if (asked === undefined || asked === null || asked === '' || asked === 'auto') {
      const usual = kind === 'chat' ? settings.defaultModel : settings.defaultSpeechModel
      if (usual === undefined) throw new RouterError('no_default_model', 'No default model is configured: name one.')
      return usual
    }
    if (typeof asked !== 'string') throw new RouterError('invalid_request', 'model must be text.', { param: 'model' })
    if (asked.length > longestId || !/^[\w./:@+-]+$/.test(asked)) {
      throw new RouterError('ai_model_not_found', 'There is no model of such a name.', { param: 'model' })
    }
    return aliases.get(asked) ?? asked
  }

  return {
    list: (tenant) => [...listOf(tenant).values()],
    statusOf,
    headersOf,
    baseUrlOf,
    resolve: (tenant, asked, kind) => {
      const id = readId(asked, kind)
      const { status, replacement } = statusOf(id)
      const wanted = status === 'DISABLED' ? (replacement ?? fallbacks.get(id)?.[0]) : id
      if (wanted === undefined) {
        throw new RouterError('model_unavailable', `Model ${id} is disabled and there is no fallback.`, {
          headers: { 'x-should-retry': 'false' },
        })
      }
      const first = find(tenant, wanted, kind)
      const others = (fallbacks.get(wanted) ?? [])
        .filter((other) => statusOf(other).status !== 'DISABLED')
        .flatMap((other) => listOf(tenant).get(other) ?? [])
        .filter((target) => target.kind === kind)
      const headers: Record<string, string> = {
        ...(status === 'DEPRECATED' ? { deprecation: 'true' } : {}),
        ...(status !== 'ACTIVE' && replacement !== null ? { 'x-model-replacement': replacement } : {}),
        ...(status === 'DISABLED' && replacement === null ? { 'x-model-replacement': wanted } : {}),
      }
      return { targets: [first, ...others], headers }
    },
  }
}
