import type { Bot } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { isRecord } from './shared.ts'

const botTypes = ['bot', 'personal', 'supervisor', 'openline']
const maxMessage = 20_000

function botFacts({ portal }: Context, bot: Bot): Record<string, unknown> {
  const { id, code, name, type, eventMode } = bot
  return { [portal.switches.botId]: id, code, name, type, eventMode, createdBy: 'SANDBOX' }
}

function create(context: Context): Reply {
  const { portal, body } = context
  if (!isRecord(body)) return fail(400, 'INVALID_PARAMS', 'a JSON object is required')
  const code = String(body['code'] ?? '')
  const name = String(body['name'] ?? '')
  if (code === '') return fail(400, 'CODE_REQUIRED', 'code is required')
  if (name === '') return fail(400, 'NAME_REQUIRED', 'name is required')
  const type = String(body['type'] ?? 'bot')
  if (!botTypes.includes(type)) return fail(400, 'INVALID_PARAMS', `type must be one of ${botTypes.join(', ')}`)
  const standing = [...portal.bots.values()].find((bot) => bot.code === code)
  if (standing) {
    const refusal = fail(409, 'BOT_ALREADY_EXISTS', `A bot with code ${code} exists`)
    return {
      ...refusal,
      json: { ...(isRecord(refusal.json) ? refusal.json : {}), data: botFacts(context, standing) },
    }
  }
  const bot: Bot = {
    id: portal.nextId(),
    code,
    name,
    type,
    eventMode: String(body['eventMode'] ?? 'fetch'),
    events: [],
    messages: [],
    storedOffset: 0,
    typing: 0,
  }
  portal.bots.set(bot.id, bot)
  context.effect('bot', { id: bot.id, ...botFacts(context, bot) })
  return ok(botFacts(context, bot), undefined, 201)
}

function withBot(context: Context, use: (bot: Bot) => Reply): Reply {
  const id = Number(context.params['botId'])
  if (!Number.isInteger(id)) return fail(400, 'INVALID_BOT_ID', 'botId must be a number')
  const bot = context.portal.bots.get(id)
  return bot ? use(bot) : fail(404, 'BOT_NOT_FOUND', `There is no bot ${id}: register it by POST /v1/bots`)
}

function unregister(context: Context, bot: Bot): Reply {
  context.portal.bots.delete(bot.id)
  context.effect('bot-removed', { id: bot.id })
  return { status: 204 }
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
  const persisted = context.portal.switches.botOffset === 'stored'
  if (persisted) bot.storedOffset = Math.max(bot.storedOffset, nextOffset)
  return ok({
    events: page,
    nextOffset,
    hasMore: waiting.length > page.length,
    storedOffset: bot.storedOffset,
    persisted,
    ...(persisted ? {} : { hint: 'The offset could not be stored: send it with the next poll' }),
  })
}

function readMessage(body: unknown): { dialogId: string; message: string } | Reply {
  const fields = isRecord(body) && isRecord(body['fields']) ? body['fields'] : {}
  const dialogId = isRecord(body) ? String(body['dialogId'] ?? '') : ''
  const message = fields['message']
  if (dialogId === '' || typeof message !== 'string' || message === '')
    return fail(400, 'INVALID_PARAMS', 'dialogId and fields.message are required')
  if (message.length > maxMessage)
    return fail(400, 'VALIDATION_ERROR', `message is longer than ${maxMessage} characters`)
  return { dialogId, message }
}

function send(context: Context, bot: Bot): Reply {
  const { portal, body } = context
  const read = readMessage(body)
  if ('status' in read) return read
  const { dialogId, message } = read
  const sent = { id: portal.nextId(), dialogId, message }
  bot.messages.push(sent)
  const chatId = portal.chatLines.find((line) => line.dialogId === dialogId)?.chatId ?? portal.nextId()
  const date = new Date(context.now).toISOString()
  portal.chatLines.push({ id: sent.id, chatId, dialogId, authorId: bot.id, text: message, date })
  context.effect('bot-message', { botId: bot.id, ...sent })
  return ok({ id: sent.id, uuidMap: [] }, undefined, 201)
}

function typing(context: Context, bot: Bot): Reply {
  if (!isRecord(context.body) || String(context.body['dialogId'] ?? '') === '')
    return fail(400, 'INVALID_PARAMS', 'dialogId is required')
  bot.typing += 1
  return ok(true)
}

/** What stands around a message: for personal bots and supervisors only, as Bitrix24 has it. */
function around(context: Context, bot: Bot): Reply {
  const { portal, query, params } = context
  const may = ['personal', 'supervisor'].includes(bot.type) && portal.switches.botContext === 'personal'
  if (!may) return fail(403, 'ACCESS_DENIED', 'Only personal bots and supervisors read messages')
  const line = portal.chatLines.find((one) => one.id === Number(params['messageId']))
  if (!line) return fail(404, 'MESSAGE_NOT_FOUND', `There is no message ${params['messageId']}`)
  const range = Math.min(Number(query.get('range') ?? 50), 50)
  const chat = portal.chatLines.filter((one) => one.dialogId === line.dialogId)
  const at = chat.indexOf(line)
  const messages = chat
    .slice(Math.max(0, at - range), at + range + 1)
    .map(({ id, chatId, authorId, date, text }) => ({ id, chatId, authorId, date, text }))
  return ok({ messages, hasPrevPage: at > range, hasNextPage: at + range + 1 < chat.length })
}

const common = { family: 'portal', scope: 'imbot' } as const
const ofBot =
  (use: (context: Context, bot: Bot) => Reply) =>
  (context: Context): Reply =>
    withBot(context, (bot) => use(context, bot))

export const botRoutes: readonly Route[] = [
  { name: 'bots.create', method: 'POST', path: '/bots', ...common, run: create },
  {
    name: 'bots.list',
    method: 'GET',
    path: '/bots',
    ...common,
    run: (context) => ok([...context.portal.bots.values()].map((bot) => botFacts(context, bot))),
  },
  { name: 'bots.delete', method: 'DELETE', path: '/bots/:botId', ...common, run: ofBot(unregister) },
  { name: 'bots.events', method: 'GET', path: '/bots/:botId/events', ...common, run: ofBot(events) },
  { name: 'bots.messages', method: 'POST', path: '/bots/:botId/messages', ...common, run: ofBot(send) },
  { name: 'bots.typing', method: 'POST', path: '/bots/:botId/typing', ...common, run: ofBot(typing) },
  {
    name: 'bots.context',
    method: 'GET',
    path: '/bots/:botId/messages/:messageId/context',
    ...common,
    run: ofBot(around),
  },
]
