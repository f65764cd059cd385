import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { addBotEvent, writeToBot } from './bot-talk.ts'
import { attachRecording, createCall, createCalls } from './calls.ts'
import {
  BotEventBody,
  BotMessageBody,
  CallBody,
  CallsBody,
  EventBody,
  FaultBody,
  ForbiddenBody,
  KeyBody,
  LimitsBody,
  ModelBody,
  ModelStateBody,
  PortalBody,
  RecordingBody,
} from './control-bodies.ts'
import { activityForm, callEndForm, robotBody } from './event.ts'
import type { Reply } from './reply.ts'
import { entryRow } from './routes/timeline.ts'
import type { Routing } from './routing.ts'
import { describeSwitches, setSwitches } from './switches.ts'
import { readBody, sendReply } from './wire.ts'
import type { World } from './world.ts'

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
  ['POST', /^events$/, (world, body) => sendEvents(world, EventBody.parse(body))],
  ['POST', /^bot-events$/, (world, body) => addBotEvent(world, BotEventBody.parse(body))],
  ['POST', /^bot-messages$/, (world, body) => writeToBot(world, present(BotMessageBody.parse(body)))],
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

function sendEvents(world: World, body: z.infer<typeof EventBody>) {
  const portal = world.portal(body.portal)
  const now = world.now()
  const options = { url: body.url }
  if (body.kind === 'robot') {
    const robot = robotBody(portal, body.dealId ?? 0, now)
    for (let sent = 0; sent < body.times; sent++)
      world.deliveries.send(portal, `deal ${body.dealId}`, robot.body, { ...options, contentType: robot.contentType })
    return { form: robot.body }
  }
  const call = portal.callsById.get(body.callId ?? '')
  if (!call) throw new Error(`portal "${portal.name}" has no call ${body.callId}`)
  const name = body.kind === 'activityAdd' ? 'ONCRMACTIVITYADD' : 'ONCRMACTIVITYUPDATE'
  const form =
    body.kind === 'callEnd' ? callEndForm(portal, call, now) : activityForm(portal, name, call.activityId ?? 0, now)
  for (let sent = 0; sent < body.times; sent++) world.deliveries.send(portal, call.callId, form, options)
  return { form }
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
