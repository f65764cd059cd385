import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { parseForm } from '../intake/parse-form.ts'
import type { Received, Receiver } from '../intake/receive.ts'
import type { Meters } from '../meters.ts'
import type { BadTokens } from './bad-tokens.ts'
import { cutDeafClients } from './deaf-clients.ts'
import { Problem, readProblem, recordAway } from './problem.ts'
import { readBody, tooLarge, within } from './read-body.ts'

const maxBytes = 64 * 1024
/** A sender must get its body across in this time, and its answer in the next. */
const bodyMs = 8_000
const answerMs = 1_800

const eventPath = '/webhooks/bitrix24'
const robotPath = '/webhooks/bitrix24/robot/:secret'
const otherMethods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Refuses by the head alone, before a byte of the body is read. */
function checkHead(bodyNeeded: boolean): onRequestHookHandler {
  return (request, _reply, done) => {
    const { headers } = request
    const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
    if (type !== 'application/x-www-form-urlencoded' && (bodyNeeded || hasBody)) {
      throw new Problem(
        415,
        'form_expected',
        'The body must be a form (application/x-www-form-urlencoded).',
        'Use the outgoing webhook of Bitrix24 as it is.',
      )
    }
    const encoding = headers['content-encoding']?.trim().toLowerCase()
    if (encoding !== undefined && encoding !== 'identity') {
      throw new Problem(415, 'encoding_refused', 'A compressed body is not taken.', 'Send it uncompressed.')
    }
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
    done()
  }
}

function refuseFlood(badTokens: BadTokens, address: string): void {
  const seconds = badTokens.waitSeconds(address)
  if (seconds === 0) return
  throw new Problem(
    429,
    'too_many_bad_tokens',
    'Too many wrong tokens came from this address.',
    'Wait, then send the right token.',
    {
      'retry-after': String(seconds),
    },
  )
}

function answer(reply: FastifyReply, received: Received, badTokens: BadTokens, address: string): FastifyReply {
  switch (received.outcome) {
    case 'unknown_sender':
      badTokens.note(address)
      refuseFlood(badTokens, address)
      throw new Problem(
        401,
        'unknown_sender',
        'The token is not one of a known portal.',
        "Compare it with the token in the outgoing webhook's settings.",
      )
    case 'sandbox':
      throw new Problem(
        503,
        'sandbox',
        'SANDBOX: this server plays a portal and takes no real calls.',
        'Start it with CALLSIFT_MODE=live, or send this event elsewhere.',
        {
          'retry-after': '600',
        },
      )
    case 'refused':
      badTokens.trust(address)
      throw new Problem(400, received.reason, received.problem, 'Nothing was changed. See the list of deliveries.')
    case 'ignored':
    case 'accepted':
    case 'duplicate':
      badTokens.trust(address)
      return reply.code(200).send(received)
  }
}

/** The doors for what Bitrix24 sends. They answer 200 only for what stands in the record. */
export async function webhookRoutes(
  scope: FastifyInstance,
  options: { receiver: Receiver; badTokens: BadTokens; onDelivery: Meters['delivery'] },
): Promise<void> {
  const { receiver, badTokens } = options
  cutDeafClients(scope)
  scope.removeAllContentTypeParsers()
  // The body is read here, counted and timed, not by the framework.
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))

  const outcomes = new WeakMap<FastifyRequest, string>()
  scope.addHook('onResponse', async (request, reply) => {
    if (request.method !== 'POST') return
    const source = request.routeOptions.url === robotPath ? 'robot' : 'event'
    const outcome = outcomes.get(request) ?? (reply.statusCode === 503 ? 'unavailable' : 'rejected')
    options.onDelivery({ source, outcome, ms: reply.elapsedTime })
  })
  const receive = async (reply: FastifyReply, address: string, work: () => Promise<Received>) => {
    try {
      const received = await within(work(), answerMs, recordAway)
      outcomes.set(reply.request, received.outcome)
      return answer(reply, received, badTokens, address)
    } catch (error) {
      if (readProblem(error) !== null) throw error
      // Whatever kept it out of the record, the sender must not believe that it is in.
      scope.log.error({ err: error }, 'a delivery could not be stored')
      throw recordAway()
    }
  }
  const readForm = async (request: FastifyRequest) => {
    const text = await readBody(request.raw, { maxBytes, timeoutMs: bodyMs })
    const form = parseForm(text)
    if (form === null)
      throw new Problem(
        400,
        'bad_form',
        'The form is nested too deep or has too many fields.',
        'Use the outgoing webhook of Bitrix24 as it is.',
      )
    return form
  }
  const guardAddress: onRequestHookHandler = (request, _reply, done) => {
    if (!badTokens.isTrusted(request.ip)) refuseFlood(badTokens, request.ip)
    done()
  }

  scope.post(eventPath, { onRequest: [guardAddress, checkHead(true)] }, async (request, reply) => {
    const form = await readForm(request)
    return await receive(reply, request.ip, () => receiver.event(form, request.ip))
  })
  scope.post<{ Params: { secret: string } }>(
    robotPath,
    { onRequest: [guardAddress, checkHead(false)] },
    async (request, reply) => {
      const body = await readForm(request)
      const query = parseForm(request.raw.url?.split('?', 2)[1] ?? '')
      if (query === null)
        throw new Problem(
          400,
          'bad_form',
          'The query is nested too deep or has too many fields.',
          'Shorten the address in the robot.',
        )
      // What the robot's owner wrote into the address goes before what the portal adds.
      return await receive(reply, request.ip, () =>
        receiver.robot(request.params.secret, { ...body, ...query }, request.ip),
      )
    },
  )
  for (const url of [eventPath, robotPath]) {
    scope.route({
      method: otherMethods,
      url,
      handler: () => {
        throw new Problem(
          405,
          'post_expected',
          'Events come by POST.',
          'Use the outgoing webhook of Bitrix24 as it is.',
          { allow: 'POST' },
        )
      },
    })
  }
}
