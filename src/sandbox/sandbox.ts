import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '../log.ts'
import { type BotMessage, writeToBot } from './bot-talk.ts'
import { type CallSpec, type CreatedCall, createCall, createCalls } from './calls.ts'
import { handleControl } from './control.ts'
import { Deliveries } from './event.ts'
import { type Fault, type FaultSpec, Faults } from './faults.ts'
import { type LimitOptions, resolveLimits } from './limits.ts'
import type { ModelMode } from './model.ts'
import type { Portal, PortalOptions } from './portal.ts'
import { fail } from './reply.ts'
import { allRoutes } from './routes/all.ts'
import { Routing } from './routing.ts'
import { ApiServer } from './server.ts'
import { Sound } from './sound.ts'
import { type Effect, type RequestRecord, Truth } from './truth.ts'
import { sendReply } from './wire.ts'
import { World } from './world.ts'

export interface SandboxOptions {
  readonly host?: string
  /** 0, the default: any free port. */
  readonly port?: number
  /** Where others reach it, when that is not where it listens (in a container); stands in the links it signs. */
  readonly origin?: string
  readonly limits?: LimitOptions
  /** Added to every request of the API; 0 by default. */
  readonly latencyMs?: number
  /** How long the recogniser takes over a minute of sound, ms. */
  readonly hearingMsPerMinute?: number
  readonly log: Log
  readonly model?: ModelMode
  readonly now?: () => number
}

/** A running sandbox. The methods do in process what the routes under /__sandbox do over HTTP. */
export interface Sandbox {
  /** Base of the API, ends in /v1. */
  readonly url: string
  readonly origin: string
  readonly world: World
  addPortal(options: PortalOptions): Portal
  addCall(spec: CallSpec): Promise<CreatedCall>
  addCalls(spec: Parameters<typeof createCalls>[1]): Promise<CreatedCall[]>
  /** Somebody writes to a bot. Returns the message's id. */
  writeToBot(message: BotMessage): number
  addFault(spec: FaultSpec): Fault
  clearFaults(): void
  effects(after?: number, kind?: string): Effect[]
  requests(after?: number): RequestRecord[]
  /** Resolves when every event sent so far was answered. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** Starts a Bitrix24 portal behind VibeCode and an AI provider, for demos and tests. Everything it says is marked SANDBOX. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const now = options.now ?? Date.now
  const world = new World({
    truth: new Truth(),
    faults: new Faults(),
    deliveries: new Deliveries(now),
    sound: new Sound(),
    limits: resolveLimits(options.limits),
    latencyMs: options.latencyMs ?? 0,
    model: options.model ?? 'honest',
    log: options.log,
    now,
  })
  world.hearingMsPerMinute = options.hearingMsPerMinute ?? 0
  const routing = new Routing(allRoutes)
  const api = new ApiServer(world, routing)
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    let url: URL
    try {
      url = new URL(request.url ?? '/', 'http://sandbox.invalid')
    } catch {
      return sendReply(response, fail(400, 'INVALID_REQUEST', 'The path cannot be read'), { 'x-sandbox': 'callsift' })
    }
    if (url.pathname.startsWith('/__sandbox')) return void handleControl(world, routing, request, response, url)
    if (url.pathname.startsWith('/v1/') || url.pathname === '/rest/download.json')
      return void api.handle(request, response, url)
    sendReply(response, fail(404, 'NOT_FOUND', 'SANDBOX: the API is under /v1, the controls are under /__sandbox'), {
      'x-sandbox': 'callsift',
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
  })
  const { address, port, family } = server.address() as AddressInfo
  world.origin = options.origin ?? `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  return {
    url: `${world.origin}/v1`,
    origin: world.origin,
    world,
    addPortal: (portal) => world.addPortal(portal),
    addCall: (spec) => createCall(world, spec),
    addCalls: (spec) => createCalls(world, spec),
    writeToBot: (message) => writeToBot(world, message).messageId,
    addFault: (spec) => world.faults.add(spec),
    clearFaults: () => world.faults.clear(),
    effects: (after = 0, kind) => world.truth.effectsAfter(after, { kind }),
    requests: (after = 0) => world.truth.requests(after),
    settled: () => world.deliveries.settled(),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await world.deliveries.close()
      await closed
    },
  }
}
