/** A provider that a tenant may connect a key of. */
export interface Provider {
  readonly id: string
  readonly name: string
  /** Of its OpenAI-compatible endpoint; null for Custom, whose address comes with the credential. */
  readonly baseUrl: string | null
  /** Asked to see whether a key is good. OpenRouter lists its models to anybody, so its own key is asked for. */
  readonly checkPath: string
  /** What it wants beside `Authorization: Bearer`. */
  readonly headers?: (apiKey: string) => Readonly<Record<string, string>>
}

export const customProvider = 'custom'

export const providers: readonly Provider[] = [
  { id: 'openai', name: 'OpenAI', baseUrl: 'https://api.openai.com/v1', checkPath: '/models' },
  {
    id: 'anthropic',
    name: 'Anthropic',
    baseUrl: 'https://api.anthropic.com/v1',
    checkPath: '/models',
    headers: (apiKey) => ({ 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' }),
  },
  {
    id: 'google',
    name: 'Google Gemini',
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    checkPath: '/models',
  },
  { id: 'groq', name: 'Groq', baseUrl: 'https://api.groq.com/openai/v1', checkPath: '/models' },
  { id: 'deepseek', name: 'DeepSeek', baseUrl: 'https://api.deepseek.com/v1', checkPath: '/models' },
  { id: 'openrouter', name: 'OpenRouter', baseUrl: 'https://openrouter.ai/api/v1', checkPath: '/key' },
  { id: 'mistral', name: 'Mistral', baseUrl: 'https://api.mistral.ai/v1', checkPath: '/models' },
  { id: customProvider, name: 'Custom', baseUrl: null, checkPath: '/models' },
]

export function findProvider(id: unknown): Provider | undefined {
  return providers.find((provider) => provider.id === id)
}
