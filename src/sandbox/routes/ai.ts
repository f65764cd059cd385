import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { answer, type ChatMessage, messageText } from '../model.ts'
import { readForm } from '../multipart.ts'
import type { Recognised } from '../recogniser.ts'
import { aiFail, ok, type Reply, stableHex } from '../reply.ts'
import type { Context, ModelEntry, ModelPlan, Route } from '../world.ts'
import { streamReply } from './chat-stream.ts'
import { isRecord } from './shared.ts'

const maxAudioBytes = 512 * 1024 * 1024
const whisper = 'bitrix/deepdml/faster-whisper-large-v3-turbo-ct2'

/** A token is counted for every three characters begun. */
function countTokens(text: string): number {
  return Math.ceil(text.length / 3)
}

interface Chosen {
  readonly model: ModelEntry
  readonly headers: Record<string, string>
}

/** The model that serves the request, with the headers of its life cycle, or the refusal. */
function chooseModel(context: Context, asked: unknown, kind: 'chat' | 'audio'): Chosen | Reply {
  const id =
    asked === undefined || asked === '' || asked === 'auto'
      ? kind === 'chat'
        ? 'bitrix/bitrixgpt-5.5'
        : whisper
      : String(asked)
  const model = context.world.models.find((one) => one.id === id && one.kind === kind)
  if (!model) return aiFail(404, 'ai_model_not_found', `Model ${id} not found`)
  if (model.status === 'DEPRECATED') return { model, headers: { deprecation: 'true' } }
  if (model.status === 'ACTIVE') return { model, headers: {} }
  const successor = context.world.models.find((one) => one.id === model.replacement)
  if (!successor) return aiFail(503, 'model_unavailable', `Model ${id} is disabled and there is no fallback`)
  return { model: successor, headers: { 'x-model-replacement': successor.id } }
}

/** Each AI request of a portal with a balance costs one credit, taken when the work is done. */
function refuseBalance({ portal }: Context): Reply | undefined {
  if (portal.balance === null || portal.balance >= 1) return undefined
  return aiFail(402, 'insufficient_balance', 'Insufficient funds for the model')
}

function pay({ portal }: Context): void {
  if (portal.balance !== null) portal.balance -= 1
}

function takePlan(context: Context): ModelPlan {
  const { world, portal } = context
  const queued = world.model.plans.find(
    (one) => one.left > 0 && (one.portal === undefined || one.portal === portal.name),
  )
  if (!queued) return { mode: world.model.standing }
  queued.left -= 1
  return queued.plan
}

function readMessages(value: unknown): ChatMessage[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const messages: ChatMessage[] = []
  for (const message of value as unknown[]) {
    if (!isRecord(message) || typeof message['role'] !== 'string') return undefined
    messages.push({ role: message['role'], content: messageText(message['content']) })
  }
  return messages
}

function chat(context: Context): Reply {
  const { body, portal } = context
  if (!isRecord(body)) return aiFail(400, 'invalid_request', 'a JSON object is required')
  const messages = readMessages(body['messages'])
  if (!messages) return aiFail(400, 'invalid_request', 'messages must be a list of {role, content} that is not empty')
  const chosen = chooseModel(context, body['model'], 'chat')
  if ('status' in chosen) return chosen
  const format = isRecord(body['response_format']) ? body['response_format'] : {}
  const strict = format['type'] === 'json_schema'
  if (strict && portal.switches.jsonSchema === 'refused')
    return aiFail(400, 'invalid_request', 'response_format json_schema is not supported')
  const refusal = refuseBalance(context)
  if (refusal) return refusal
  pay(context)
  const plan = takePlan(context)
  const schema = strict && isRecord(format['json_schema']) ? format['json_schema']['schema'] : undefined
  const json = strict || format['type'] === 'json_object'
  const whole = plan.content ?? answer({ messages, json, schema }, plan.mode)
  const room = Number(body['max_completion_tokens'] ?? body['max_tokens'] ?? Number.POSITIVE_INFINITY)
  const cut = countTokens(whole) > room
  const content = cut ? whole.slice(0, room * 3) : whole
  const finishReason = plan.finishReason ?? (cut ? 'length' : 'stop')
  const promptTokens = messages.reduce((sum, message) => sum + countTokens(message.content), 0)
  const completionTokens = countTokens(content)
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
  const model = chosen.model.id
  portal.usage.push({
    at: context.now,
    model,
    promptTokens,
    completionTokens,
    audioSeconds: 0,
    cost: portal.balance === null ? 0 : 1,
  })
  context.effect('chat', { model, ...usage, mode: plan.mode, content: content.slice(0, 500) })
  const completion = {
    id: `chatcmpl-${stableHex(context.requestId, 16)}`,
    object: 'chat.completion',
    created: Math.floor(context.now / 1000),
    model,
    choices: [{ index: 0, finish_reason: finishReason, message: { role: 'assistant', content } }],
    usage,
  }
  if (body['stream'] === true)
    return { ...streamReply(completion, content, finishReason, body), headers: chosen.headers }
  return { status: 200, json: completion, headers: chosen.headers }
}

/** ISO 639-1 or 639-3 by form, and known to the runtime. */
function isLanguage(code: string): boolean {
  if (!/^[a-z]{2,3}$/.test(code)) return false
  return new Intl.DisplayNames('en', { type: 'language', fallback: 'none' }).of(code) !== undefined
}

async function hear(context: Context, bytes: Buffer): Promise<Recognised | null> {
  const misheard =
    context.world.misheard.size > 0
      ? context.world.misheard.get(createHash('sha256').update(bytes).digest('hex'))
      : undefined
  const heard = await context.world.sound.recognise(bytes)
  if (misheard === undefined) return heard
  const durationSeconds = heard?.durationSeconds ?? 1
  return {
    text: misheard,
    language: heard?.language ?? 'ru',
    durationSeconds,
    segments: [{ start: 0, end: durationSeconds, text: misheard }],
  }
}

async function transcribe(context: Context): Promise<Reply> {
  const { request, portal } = context
  if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? ''))
    return aiFail(400, 'no_file', 'No audio file was provided')
  const form = await readForm(request, maxAudioBytes).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  )
  if (form instanceof Error) return aiFail(400, 'invalid_request', `The multipart body cannot be read: ${form.message}`)
  const { fields, file } = form
  if (!file && fields['file'] === undefined) return aiFail(400, 'no_file', 'No audio file was provided')
  if (!file || file.bytes.length === 0)
    return aiFail(400, 'empty_file', 'The file is empty: curl needs an @ before the path')
  const language = fields['language']
  if (language !== undefined && !isLanguage(language))
    return aiFail(400, 'invalid_language', `Language code ${language} does not match ISO 639`)
  const format = fields['response_format'] ?? 'json'
  const refused = format === 'verbose_json' && portal.switches.verboseJson === 'refused'
  if (refused || !['json', 'text', 'verbose_json'].includes(format))
    return aiFail(400, 'invalid_request', `response_format ${format} is not supported`)
  const chosen = chooseModel(context, fields['model'], 'audio')
  if ('status' in chosen) return chosen
  const refusal = refuseBalance(context)
  if (refusal) return refusal
  const heard = await hear(context, file.bytes)
  if (!heard) return aiFail(400, 'invalid_request', 'this sandbox cannot recognise speech; set a real upstream')
  const { durationSeconds, text, segments } = heard
  await wait((durationSeconds / 60) * context.world.hearingMsPerMinute)
  pay(context)
  const model = chosen.model.id
  portal.usage.push({
    at: context.now,
    model,
    promptTokens: 0,
    completionTokens: 0,
    audioSeconds: durationSeconds,
    cost: portal.balance === null ? 0 : 1,
  })
  const sha256 = createHash('sha256').update(file.bytes).digest('hex')
  context.effect('transcription', {
    model,
    bytes: file.bytes.length,
    sha256,
    fileName: file.name,
    audioSeconds: durationSeconds,
    language: language ?? null,
    prompt: fields['prompt'] ?? null,
  })
  if (format === 'text' && portal.switches.textFormat === 'text') {
    return {
      status: 200,
      bytes: Buffer.from(`${text}\n`),
      contentType: 'text/plain; charset=utf-8',
      headers: chosen.headers,
    }
  }
  if (format !== 'verbose_json') return { status: 200, json: { text }, headers: chosen.headers }
  const rows = segments.map((segment, id) => ({ id, start: segment.start, end: segment.end, text: segment.text }))
  const json = {
    task: 'transcribe',
    language: language ?? heard.language,
    duration: durationSeconds,
    text,
    segments: rows,
  }
  return { status: 200, json, headers: chosen.headers }
}

function modelRow(model: ModelEntry): Record<string, unknown> {
  return {
    id: model.id,
    object: 'model',
    created: 1_777_000_000,
    owned_by: 'SANDBOX',
    status: model.status,
    replacement: model.replacement ?? null,
    context_length: model.contextLength,
    capabilities: model.kind === 'chat' ? ['chat', 'json'] : ['transcription'],
    pricing: { prompt: '0', completion: '0' },
  }
}

function usage(context: Context): Reply {
  const days = Number(context.query.get('days') ?? 7)
  if (!Number.isInteger(days) || days < 1 || days > 365) {
    return {
      status: 400,
      json: {
        success: false,
        error: { code: 'invalid_request', message: 'days must be a whole number from 1 to 365' },
      },
    }
  }
  const rows = context.portal.usage.filter((row) => row.at > context.now - days * 86_400_000)
  const totals = { requests: 0, promptTokens: 0, completionTokens: 0, totalTokens: 0, audioSeconds: 0, cost: 0 }
  const byModel = new Map<string, typeof totals>()
  for (const row of rows) {
    const own = byModel.get(row.model) ?? {
      ...totals,
      requests: 0,
      promptTokens: 0,
      completionTokens: 0,
      totalTokens: 0,
      audioSeconds: 0,
      cost: 0,
    }
    byModel.set(row.model, own)
    for (const sum of [totals, own]) {
      sum.requests += 1
      sum.promptTokens += row.promptTokens
      sum.completionTokens += row.completionTokens
      sum.totalTokens += row.promptTokens + row.completionTokens
      sum.audioSeconds += row.audioSeconds
      sum.cost += row.cost
    }
  }
  return ok({ days, totals, byModel: [...byModel].map(([model, sums]) => ({ model, ...sums })) })
}

const openai = { family: 'ai', scope: 'vibe:ai', openai: true } as const
const canonical: readonly Route[] = [
  { name: 'chat', method: 'POST', path: '/chat/completions', ...openai, run: chat },
  { name: 'transcription', method: 'POST', path: '/audio/transcriptions', ...openai, stream: true, run: transcribe },
  {
    name: 'models',
    method: 'GET',
    path: '/models',
    ...openai,
    run: ({ world }) => ({
      status: 200,
      json: { object: 'list', data: world.models.filter((one) => one.status !== 'DISABLED').map(modelRow) },
    }),
  },
  {
    name: 'models.get',
    method: 'GET',
    path: '/models/*modelId',
    ...openai,
    run: ({ world, params }) => {
      const model = world.models.find((one) => one.id === params['modelId'])
      return model
        ? { status: 200, json: modelRow(model) }
        : aiFail(404, 'ai_model_not_found', `Model ${params['modelId']} not found`)
    },
  },
]

/** The old paths answer the same, and say in their headers that they are old. */
function legacy(route: Route): Route {
  return {
    ...route,
    name: `legacy.${route.name}`,
    path: `/ai${route.path}`,
    run: async (context) => {
      const reply = await route.run(context)
      const path = `/v1${route.path.replace('*modelId', context.params['modelId'] ?? '')}`
      return { ...reply, headers: { ...reply.headers, deprecation: 'true', 'x-deprecated-use': path } }
    },
  }
}

export const aiRoutes: readonly Route[] = [
  ...canonical,
  ...canonical.map(legacy),
  { name: 'ai.usage', method: 'GET', path: '/ai/usage', family: 'ai', scope: 'vibe:ai', run: usage },
  {
    name: 'ai.providers',
    method: 'GET',
    path: '/ai/providers',
    family: 'ai',
    scope: 'vibe:ai',
    run: () => ok([{ id: 'bitrix', name: 'SANDBOX Bitrix24', type: 'platform', requiresBaseUrl: false }]),
  },
]
