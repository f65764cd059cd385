import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { attachRecording, createCall, createCalls } from './calls.ts'
import { faultKinds } from './faults.ts'
import { modelModes } from './model.ts'
import type { Reply } from './reply.ts'
import { entryRow } from './routes/timeline.ts'
import type { Routing } from './routing.ts'
import { describeSwitches, setSwitches } from './switches.ts'
import { readBody, sendReply } from './wire.ts'
import type { World } from './world.ts'

const PortalBody = z.object({
  name: z.string(),
  apiKey: z.string().optional(),
  memberId: z.string().optional(),
  applicationToken: z.string().optional(),
  scopes: z.array(z.string()).optional(),
  balance: z.number().nullable().optional(),
  webhookUrl: z.url().optional(),
})

const SoundFields = {
  recordingId: z.string().optional(),
  toneText: z.string().optional(),
  upload: z.object({ base64: z.string(), fileName: z.string().optional() }).optional(),
  silenceSeconds: z.number().min(0).max(86_400).optional(),
  hearAs: z.string().optional(),
  fileName: z.string().optional(),
  recordingAfterMs: z.number().min(0).nullable().optional(),
}

const CallFields = {
  ...SoundFields,
  direction: z.enum(['in', 'out']).optional(),
  callType: z.number().int().optional(),
  durationSeconds: z.number().optional(),
  phone: z.string().optional(),
  line: z.string().optional(),
  userId: z.number().int().optional(),
  entity: z.enum(['deal', 'lead', 'contact', 'none']).optional(),
  activity: z.boolean().optional(),
  failedCode: z.string().optional(),
  sendEvent: z.boolean().optional(),
  times: z.number().int().min(0).max(1000).optional(),
  deal: z.record(z.string(), z.unknown()).optional(),
  startedAt: z.number().optional(),
}

const CallBody = z.strictObject({ portal: z.string(), callId: z.string().optional(), ...CallFields })
const CallsBody = z.strictObject({
  portals: z.array(z.string()),
  count: z.number().int().min(1).max(100_000),
  ...CallFields,
})
const RecordingBody = z.strictObject({ portal: z.string(), callId: z.string(), ...SoundFields })

const FaultBody = z.strictObject({
  route: z.string(),
  portal: z.string().optional(),
  kind: z.enum(faultKinds),
  times: z.number().int().optional(),
  every: z.number().int().min(1).optional(),
  skip: z.number().int().optional(),
  probability: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  status: z.number().int().min(200).max(599).optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  retryAfter: z.number().optional(),
  how: z.enum(['status', 'reset', 'lost', 'truncated']).optional(),
  delayMs: z.number().optional(),
  bytesPerSecond: z.number().positive().optional(),
  body: z.string().optional(),
  contentType: z.string().optional(),
  envelope: z.enum(['openai', 'v1']).optional(),
})

const KeyBody = z.strictObject({
  apiKey: z.string(),
  /** Makes a further key of this portal when the key is new. */
  portal: z.string().optional(),
  state: z.enum(['active', 'inactive', 'revoked', 'expired']).optional(),
  scopes: z.array(z.string()).optional(),
  balance: z.number().nullable().optional(),
  readOnly: z.boolean().optional(),
})

const ModelBody = z.strictObject({
  mode: z.enum(modelModes).default('honest'),
  portal: z.string().optional(),
  /** So many chat requests; without it the mode stands until the next change. */
  times: z.number().int().min(1).optional(),
  content: z.string().optional(),
  finishReason: z.string().optional(),
})

const ModelStateBody = z.strictObject({
  id: z.string(),
  status: z.enum(['ACTIVE', 'DEPRECATED', 'DISABLED']),
  replacement: z.string().optional(),
})

const ForbiddenBody = z.strictObject({
  portal: z.string(),
  /** 1 lead, 2 deal, 3 contact, 4 company, 6 activity. */
  entityTypeId: z.number().int(),
  entityId: z.number().int(),
  forbidden: z.boolean().default(true),
})

const LimitsBody = z.strictObject({
  perMinute: z.number().positive().optional(),
  perSecond: z.number().positive().optional(),
  portalConcurrent: z.number().int().min(1).optional(),
  queueTimeoutMs: z.number().min(0).optional(),
})

/** Drops keys that are present but undefined: exactOptionalPropertyTypes tells the two apart, and so do we. */
function present<Shape extends object>(value: Shape): { [Key in keyof Shape]: Exclude<Shape[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}

type Control = (world: World, body: unknown, url: URL, params: readonly string[]) => unknown

function portalFacts(world: World, name: string) {
  const portal = world.portal(name)
  const { memberId, applicationToken, domain, webhookUrl, balance, key } = portal
  return {
    name,
    apiKey: key.value,
    memberId,
    applicationToken,
    domain,
    webhookUrl: webhookUrl ?? null,
    balance,
    scopes: [...key.scopes],
    url: `${world.origin}/v1`,
  }
}

function number(url: URL, name: string): number {
  return Number(url.searchParams.get(name) ?? 0) || 0
}

function text(url: URL, name: string): string | undefined {
  return url.searchParams.get(name) ?? undefined
}

const controls: readonly [method: string, path: RegExp, run: Control][] = [
  [
    'GET',
    /^$/,
    (world) => ({
      sandbox: 'callsift',
      url: `${world.origin}/v1`,
      portals: [...world.portals.keys()],
      counters: world.truth.counters,
    }),
  ],
  ['POST', /^portals$/, (world, body) => portalFacts(world, world.addPortal(present(PortalBody.parse(body))).name)],
  ['GET', /^portals$/, (world) => [...world.portals.keys()].map((name) => portalFacts(world, name))],
  [
    'GET',
    /^portals\/([^/]+)\/timeline$/,
    (world, _body, _url, [name = '']) => world.portal(name).timeline.map(entryRow),
  ],
  ['POST', /^calls$/, (world, body) => createCall(world, present(CallBody.parse(body)))],
  ['POST', /^calls\/bulk$/, (world, body) => createCalls(world, present(CallsBody.parse(body)))],
  ['POST', /^recordings$/, (world, body) => attachRecording(world, present(RecordingBody.parse(body)))],
  [
    'GET',
    /^recordings$/,
    async (world) =>
      (await world.sound.recordings()).map(({ bytes: _bytes, ...facts }) => ({ ...facts, frames: undefined })),
  ],
  ['POST', /^faults$/, (world, body) => world.faults.add(present(FaultBody.parse(body)))],
  ['GET', /^faults$/, (world) => world.faults.list()],
  [
    'DELETE',
    /^faults(?:\/(\d+))?$/,
    (world, _body, _url, [id]) => world.faults.clear(id === undefined ? undefined : Number(id)),
  ],
  ['GET', /^switches$/, () => describeSwitches()],
  ['POST', /^switches$/, (world, body) => changeSwitches(world, body)],
  ['POST', /^keys$/, (world, body) => changeKey(world, KeyBody.parse(body))],
  ['POST', /^model$/, (world, body) => changeModel(world, ModelBody.parse(body))],
  ['POST', /^models$/, (world, body) => changeModelState(world, ModelStateBody.parse(body))],
  ['POST', /^forbidden$/, (world, body) => forbid(world, ForbiddenBody.parse(body))],
  ['POST', /^limits$/, (world, body) => Object.assign(world.limits, present(LimitsBody.parse(body)))],
  [
    'GET',
    /^effects$/,
    (world, _body, url) =>
      world.truth.effectsAfter(number(url, 'after'), { kind: text(url, 'kind'), portal: text(url, 'portal') }),
  ],
  ['GET', /^requests$/, (world, _body, url) => world.truth.requests(number(url, 'after'))],
  ['GET', /^counters$/, (world) => world.truth.counters],
  ['GET', /^deliveries$/, (world) => world.deliveries.list],
]

function changeSwitches(world: World, body: unknown) {
  const { portal, ...changes } = z.record(z.string(), z.unknown()).parse(body)
  const portals = typeof portal === 'string' ? [world.portal(portal)] : [...world.portals.values()]
  for (const one of portals) {
    const problem = setSwitches(one.switches, changes)
    if (problem !== undefined) throw new Error(problem)
  }
  return Object.fromEntries(portals.map((one) => [one.name, one.switches]))
}

function changeKey(world: World, body: z.infer<typeof KeyBody>) {
  let key = world.keys.get(body.apiKey)
  if (!key) {
    if (body.portal === undefined) throw new Error(`there is no key ${body.apiKey}; name a portal to make one`)
    const { portal, scopes } = world.portal(body.portal).key
    key = { value: body.apiKey, portal, state: 'active', scopes: new Set(scopes), readOnly: false }
    world.keys.set(key.value, key)
  }
  if (body.state !== undefined) key.state = body.state
  if (body.scopes !== undefined) key.scopes = new Set(body.scopes)
  if (body.balance !== undefined) key.portal.balance = body.balance
  if (body.readOnly !== undefined) key.readOnly = body.readOnly
  return {
    apiKey: key.value,
    portal: key.portal.name,
    state: key.state,
    scopes: [...key.scopes],
    balance: key.portal.balance,
    readOnly: key.readOnly,
  }
}

function changeModel(world: World, body: z.infer<typeof ModelBody>) {
  const { mode, portal, times, content, finishReason } = body
  if (times === undefined && content === undefined && finishReason === undefined) {
    world.model.standing = mode
    world.model.plans.length = 0
  } else world.model.plans.push({ portal, left: times ?? 1, plan: { mode, content, finishReason } })
  return { standing: world.model.standing, plans: world.model.plans.filter((plan) => plan.left > 0) }
}

function changeModelState(world: World, body: z.infer<typeof ModelStateBody>) {
  const model = world.models.find((one) => one.id === body.id)
  if (!model) throw new Error(`there is no model ${body.id}`)
  model.status = body.status
  model.replacement = body.replacement
  return model
}

function forbid(world: World, body: z.infer<typeof ForbiddenBody>) {
  const { forbidden } = world.portal(body.portal)
  const name = `${body.entityTypeId}:${body.entityId}`
  if (body.forbidden) forbidden.add(name)
  else forbidden.delete(name)
  return [...forbidden]
}

/** The routes under /__sandbox: no key, no limits, never a fault. */
export async function handleControl(
  world: World,
  routing: Routing,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const headers = { 'x-sandbox': 'callsift' }
  const path = url.pathname.slice('/__sandbox'.length).replace(/^\//, '')
  let reply: Reply
  try {
    const bytes = await readBody(request, 256 * 1024 * 1024)
    const body: unknown = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
    reply = { status: 404, json: { error: `there is no control ${request.method} /${path}` } }
    if (path === 'routes') {
      reply = {
        status: 200,
        json: routing.routes.map(({ name, method, path: route, family }) => ({
          name,
          method,
          path: `/v1${route}`,
          family,
        })),
      }
    }
    for (const [method, pattern, run] of controls) {
      const found = method === request.method ? pattern.exec(path) : null
      if (!found) continue
      reply = { status: 200, json: (await run(world, body, url, found.slice(1))) ?? null }
      break
    }
  } catch (error) {
    reply = {
      status: 400,
      json: {
        error:
          error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error),
      },
    }
  }
  sendReply(response, reply, headers)
}
