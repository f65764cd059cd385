import type { Bot } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { isRecord } from './shared.ts'

const botTypes = ['bot', 'personal', 'supervisor', 'openline']
const maxMessage = 20_000

function botFacts(bot: Bot): Record<string, unknown> {
  const { id, code, name, type, eventMode } = bot
  return { id, code, name, type, eventMode, createdBy: 'SANDBOX' }
}

function create(context: Context): Reply {
  const { portal, body } = context
  if (!isRecord(body)) return fail(400, 'INVALID_PARAMS', 'a JSON object is required')
  const code = String(body['code'] ?? '')
  const name = String(body['name'] ?? '')
  if (code === '' || name === '') return fail(400, 'INVALID_PARAMS', 'code and name are required')
  const type = String(body['type'] ?? 'bot')
  if (!botTypes.includes(type)) return fail(400, 'INVALID_PARAMS', `type must be one of ${botTypes.join(', ')}`)
  if ([...portal.bots.values()].some((bot) => bot.code === code))
    return fail(409, 'BOT_ALREADY_EXISTS', `A bot with code ${code} exists`)
  const bot: Bot = {
    id: portal.nextId(),
    code,
    name,
    type,
    eventMode: String(body['eventMode'] ?? 'fetch'),
    events: [],
    messages: [],
    storedOffset: 0,
  }
  portal.bots.set(bot.id, bot)
  context.effect('bot', botFacts(bot))
  return ok(botFacts(bot), undefined, 201)
}

function withBot(context: Context, use: (bot: Bot) => Reply): Reply {
  const bot = context.portal.bots.get(Number(context.params['botId']))
  return bot ? use(bot) : fail(404, 'ENTITY_NOT_FOUND', `There is no bot ${context.params['botId']}`)
}

/** Events from an offset on; the server keeps the offset, so that a poll without one goes on where the last ended. */
function events(context: Context, bot: Bot): Reply {
  const limit = Number(context.query.get('limit') ?? 100)
  const asked = context.query.get('offset')
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    return fail(400, 'INVALID_PARAMS', 'limit must be from 1 to 1000')
  const offset = asked === null ? bot.storedOffset : Number(asked)
  const waiting = bot.events.filter((event) => event.eventId >= offset)
  const page = waiting.slice(0, limit)
  const nextOffset = (page.at(-1)?.eventId ?? offset - 1) + 1
  bot.storedOffset = Math.max(bot.storedOffset, nextOffset)
  return ok({
    events: page,
    nextOffset,
    hasMore: waiting.length > page.length,
    storedOffset: bot.storedOffset,
    persisted: true,
  })
}

function send(context: Context, bot: Bot): Reply {
  const { body } = context
  const fields = isRecord(body) && isRecord(body['fields']) ? body['fields'] : {}
  const dialogId = isRecord(body) ? String(body['dialogId'] ?? '') : ''
  const message = fields['message']
  if (dialogId === '' || typeof message !== 'string' || message === '')
    return fail(400, 'INVALID_PARAMS', 'dialogId and fields.message are required')
  if (message.length > maxMessage)
    return fail(400, 'VALIDATION_ERROR', `message is longer than ${maxMessage} characters`)
  const sent = { id: context.portal.nextId(), dialogId, message }
  bot.messages.push(sent)
  context.effect('bot-message', { botId: bot.id, ...sent })
  return ok({ id: sent.id }, undefined, 201)
}

const common = { family: 'portal', scope: 'imbot' } as const

export const botRoutes: readonly Route[] = [
  { name: 'bots.create', method: 'POST', path: '/bots', ...common, run: create },
  {
    name: 'bots.list',
    method: 'GET',
    path: '/bots',
    ...common,
    run: ({ portal }) => ok([...portal.bots.values()].map(botFacts)),
  },
  {
    name: 'bots.events',
    method: 'GET',
    path: '/bots/:botId/events',
    ...common,
    run: (context) => withBot(context, (bot) => events(context, bot)),
  },
  {
    name: 'bots.messages',
    method: 'POST',
    path: '/bots/:botId/messages',
    ...common,
    run: (context) => withBot(context, (bot) => send(context, bot)),
  },
]
