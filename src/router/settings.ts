import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { rememberSecret } from '../known-secrets.ts'

/** An amount in units of the currency, as text so that it stays exact: `"0.15"`. */
const amount = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be an amount such as "0.15"')
  .transform((text) => Math.round(Number(text) * 1_000_000))

const modelId = z.string().min(1).max(200)

const OwnModel = z.strictObject({
  /** As callers name it: `bitrix/bitrixgpt-5.5`. */
  id: modelId,
  kind: z.enum(['chat', 'transcription']).default('chat'),
  /** One of `upstreams`. */
  upstream: z.string(),
  /** As the upstream names it; the part after the first slash unless told. */
  model: z.string().min(1).optional(),
  context: z.int().positive().optional(),
  can: z.array(z.string()).default([]),
  input: amount.default(0),
  output: amount.default(0),
  minute: amount.default(0),
})

const Shape = z.strictObject({
  /** The operator's own providers: they may be anywhere, also on this machine. */
  upstreams: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,40}$/),
      z.strictObject({ baseUrl: z.url({ protocol: /^https?$/ }), apiKey: z.string().min(1).optional() }),
    )
    .default({}),
  models: z.array(OwnModel).default([]),
  /** The upstream that gets whatever is no route of the router: for the pipeline, which knows one address. */
  behind: z.string().optional(),
  /** Recordings that are longer or larger are cut in pauses and heard in parts. Absent: all go as they come. */
  cut: z
    .strictObject({
      wholeMinutes: z.number().positive().max(240).default(28),
      partMinutes: z.number().positive().max(240).default(25),
      partMb: z.number().positive().max(2_000).default(24),
      /** Parts of one recording that are heard at a time. */
      atOnce: z.int().min(1).max(16).default(3),
    })
    .optional(),
  defaultModel: modelId.optional(),
  defaultSpeechModel: modelId.optional(),
  aliases: z.record(z.string(), modelId).default({}),
  /** Tried in this order while nothing has been answered yet. */
  fallbacks: z.record(z.string(), z.array(modelId).max(5)).default({}),
  lifecycle: z
    .record(
      z.string(),
      z.strictObject({ status: z.enum(['ACTIVE', 'DEPRECATED', 'DISABLED']), replacement: modelId.optional() }),
    )
    .default({}),
  /** Instead of what prices.json says. */
  prices: z
    .record(
      z.string(),
      z.strictObject({ input: amount.optional(), output: amount.optional(), minute: amount.optional() }),
    )
    .default({}),
  /** Where a listed provider is really asked, for instance behind a proxy of one's own. */
  providers: z.record(z.string(), z.strictObject({ baseUrl: z.url({ protocol: /^https?$/ }) })).default({}),
})

export type RouterSettings = z.output<typeof Shape>
export type CutSettings = NonNullable<RouterSettings['cut']>
export type OwnModel = z.output<typeof OwnModel>

const withoutSlash = (address: string) => address.replace(/\/+$/, '')

/** Checks what the operator wrote. Throws `UsageError` that lists every mistake. */
export function parseSettings(value: unknown, where: string): RouterSettings {
  const parsed = Shape.safeParse(value)
  const mistakes = parsed.success
    ? parsed.data.models
        .filter((model) => parsed.data.upstreams[model.upstream] === undefined)
        .map((model) => `models: ${model.id} names the upstream ${model.upstream}, which is not there`)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  const behind = parsed.data?.behind
  if (behind !== undefined && parsed.data?.upstreams[behind] === undefined) {
    mistakes.push(`behind: there is no upstream ${behind}`)
  }
  if (!parsed.success || mistakes.length > 0) {
    throw new UsageError(`${where} can't be used:\n${mistakes.map((line) => `  ${line}`).join('\n')}`, {
      exitCode: 78,
      hint: 'docs/router.md has an example.',
    })
  }
  for (const upstream of Object.values(parsed.data.upstreams)) {
    rememberSecret(upstream.apiKey)
    upstream.baseUrl = withoutSlash(upstream.baseUrl)
  }
  for (const provider of Object.values(parsed.data.providers)) provider.baseUrl = withoutSlash(provider.baseUrl)
  return parsed.data
}

/** Reads the operator's file; null where none is named. */
export async function readSettingsFile(path: string | undefined): Promise<RouterSettings | null> {
  if (path === undefined) return null
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      exitCode: 78,
      hint: 'CALLSIFT_ROUTER_CONFIG names the file with the models of the router.',
    })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UsageError(`${path} is not JSON.`, { exitCode: 78, hint: 'docs/router.md has an example.' })
  }
  return parseSettings(value, path)
}

/** Without a file: the hosted VibeCode (or a sandbox) behind `bitrix/*`. */
export function hostedSettings(baseUrl: string, apiKey: string | undefined): RouterSettings {
  return parseSettings(
    {
      upstreams: { bitrix: { baseUrl, ...(apiKey === undefined ? {} : { apiKey }) } },
      models: [
        {
          id: 'bitrix/bitrixgpt-5.5',
          upstream: 'bitrix',
          model: 'bitrix/bitrixgpt-5.5',
          context: 128_000,
          can: ['json'],
        },
        { id: whisperModel, kind: 'transcription', upstream: 'bitrix', model: whisperModel },
      ],
      defaultModel: 'bitrix/bitrixgpt-5.5',
      defaultSpeechModel: whisperModel,
    },
    'The built-in models',
  )
}

/** Whisper Large v3 Turbo, as VibeCode names it. */
export const whisperModel = 'bitrix/deepdml/faster-whisper-large-v3-turbo-ct2'
