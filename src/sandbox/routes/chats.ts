import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { isRecord } from './shared.ts'

/** Newest first, as the messenger reads; `lastId` goes on below it. Private dialogues are their owners', chats of many the key's too. */
function messages(context: Context): Reply {
  const { portal, query, params } = context
  const dialogId = params['dialogId'] ?? ''
  const lines = portal.chatLines.filter((line) => line.dialogId === dialogId)
  const [first] = lines
  if (!first || !dialogId.startsWith('chat'))
    return fail(404, 'DIALOG_NOT_FOUND', `Dialog ${dialogId} is not there, or may not be seen`)
  const lastId = Number(query.get('lastId') ?? Number.POSITIVE_INFINITY)
  const limit = Math.min(Number(query.get('limit') ?? 20), 200)
  const found = lines
    .filter((line) => line.id < lastId)
    .toReversed()
    .slice(0, limit)
    .map(({ id, chatId, authorId, date, text }) => ({ id, chatId, authorId, date, text }))
  return ok({ chatId: first.chatId, messages: found, users: {} })
}

/** A notification with a tag takes the place of the one that bears it. */
function notify(context: Context): Reply {
  const { portal, body } = context
  const userId = Number(isRecord(body) ? body['userId'] : Number.NaN)
  const message = isRecord(body) ? body['message'] : undefined
  if (!Number.isInteger(userId) || typeof message !== 'string' || message === '')
    return fail(400, 'MISSING_PARAMS', 'userId and message are required')
  const tag = isRecord(body) && typeof body['tag'] === 'string' ? body['tag'] : null
  portal.notifications = portal.notifications.filter((one) => tag === null || one.tag !== tag || one.userId !== userId)
  const sent = { id: portal.nextId(), userId, message, tag }
  portal.notifications.push(sent)
  context.effect('notification', sent)
  return ok({ id: sent.id }, undefined, 201)
}

const common = { family: 'portal', scope: 'im' } as const

export const chatRoutes: readonly Route[] = [
  { name: 'chats.messages', method: 'GET', path: '/chats/:dialogId/messages', ...common, run: messages },
  { name: 'notifications.send', method: 'POST', path: '/notifications', ...common, run: notify },
]
