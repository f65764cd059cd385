import { chat } from './chat.ts'
import { addCredentialModel, fetchModels, listCredentialModels, removeCredentialModel } from './credential-models.ts'
import {
  createCredential,
  listOwnCredentials,
  listProviders,
  patchCredential,
  removeCredential,
  testCredential,
} from './credential-routes.ts'
import type { Envelope } from './envelope.ts'
import type { Exchange, Kit } from './exchange.ts'
import { listModels, showModel } from './model-routes.ts'
import { transcribe } from './transcribe.ts'
import { credentialUsage, keyUsage } from './usage-routes.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `:name` stands for one part, a last `*` for all that is left. */
  readonly path: string
  readonly envelope: Envelope
  /** Of an old route: the path that took its place. */
  readonly canonical?: string
  run(kit: Kit, exchange: Exchange): Promise<void>
}

const openai: readonly Route[] = [
  { method: 'POST', path: '/v1/chat/completions', envelope: 'openai', run: chat },
  { method: 'POST', path: '/v1/audio/transcriptions', envelope: 'openai', run: transcribe },
  { method: 'GET', path: '/v1/models', envelope: 'openai', run: listModels },
  { method: 'GET', path: '/v1/models/*', envelope: 'openai', run: showModel },
]

/** The paths of before, under /v1/ai: the same answers, and a word that they are old. */
const legacy: readonly Route[] = openai.map((route) => ({
  ...route,
  path: route.path.replace('/v1/', '/v1/ai/'),
  canonical: route.path,
}))

const own: readonly Route[] = [
  { method: 'GET', path: '/v1/ai/usage', envelope: 'v1', run: keyUsage },
  { method: 'GET', path: '/v1/ai/providers', envelope: 'v1', run: listProviders },
  { method: 'GET', path: '/v1/ai/credentials', envelope: 'v1', run: listOwnCredentials },
  { method: 'POST', path: '/v1/ai/credentials', envelope: 'v1', run: createCredential },
  { method: 'PATCH', path: '/v1/ai/credentials/:id', envelope: 'v1', run: patchCredential },
  { method: 'DELETE', path: '/v1/ai/credentials/:id', envelope: 'v1', run: removeCredential },
  { method: 'POST', path: '/v1/ai/credentials/:id/test', envelope: 'v1', run: testCredential },
  { method: 'GET', path: '/v1/ai/credentials/:id/usage', envelope: 'v1', run: credentialUsage },
  { method: 'POST', path: '/v1/ai/credentials/:id/fetch-models', envelope: 'v1', run: fetchModels },
  { method: 'GET', path: '/v1/ai/credentials/:id/models', envelope: 'v1', run: listCredentialModels },
  { method: 'POST', path: '/v1/ai/credentials/:id/models', envelope: 'v1', run: addCredentialModel },
  { method: 'DELETE', path: '/v1/ai/credentials/:id/models/:modelRowId', envelope: 'v1', run: removeCredentialModel },
]

export const routes: readonly Route[] = [...openai, ...legacy, ...own]
