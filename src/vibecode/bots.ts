import {
  type BotEvent,
  botEventsResponse,
  botResponse,
  botsResponse,
  type ChatLine,
  chatLinesResponse,
  type RegisteredBot,
  sentResponse,
} from '../wire/bots.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const route = '/v1/bots/:botId/messages'
/** The API takes no longer message. */
export const maxMessage = 20_000
const plan = { family: 'bot' } as const
/** Enough for whatever was said while one answer was in doubt. */
const contextRange = 50
const typingSeconds = 30

export interface BotEventPage {
  readonly events: readonly BotEvent[]
  readonly nextOffset: number
  readonly hasMore: boolean
}

export interface BotsResource {
  list(): Promise<RegisteredBot[]>
  /** A code can be registered once: the second time the portal answers 409. */
  register(bot: { code: string; name: string; type: string }): Promise<RegisteredBot>
  unregister(botId: number): Promise<void>
  /** Events from `offset` on. The portal forgets what lies before an offset that it was asked with, so it is asked with one that is stored here. */
  events(botId: number, query: { offset: number; limit: number }): Promise<BotEventPage>
  /** Says something in a chat in the bot's name, and returns the message's id. Never repeated here: a chat has no idempotency key. */
  sendMessage(botId: number, message: { dialogId: string; text: string }): Promise<string>
  /** The line "is writing…" under a chat. */
  showTyping(botId: number, dialogId: string): Promise<void>
  /** What stands around a message; null where the portal does not let this bot read it. */
  readAround(botId: number, messageId: number): Promise<ChatLine[] | null>
  /** The newest lines of a chat, as the key's owner sees them; null where he does not. */
  readChat(dialogId: string): Promise<ChatLine[] | null>
  /** A notification; one with the same tag takes its place. */
  notify(notification: { userId: number; text: string; tag: string }): Promise<string>
}

export function createBots(requester: Requester, durations: ClientDurations): BotsResource {
  const { requestMs, writeMs } = durations
  const read = (path: string, name: string, query: Record<string, string | number> = {}) =>
    requester.json({ method: 'GET', path, route: name, query, plan, repeatable: true, deadlineMs: requestMs })

  /** Refused is not failed: who may not look must not believe that nothing is there. */
  const orRefused = async (look: () => Promise<ChatLine[]>): Promise<ChatLine[] | null> => {
    try {
      return await look()
    } catch (error) {
      if ([400, 403, 404, 405].includes(failureOf(error)?.httpStatus ?? 0)) return null
      throw error
    }
  }

  return {
    async list() {
      return readShape(botsResponse, await read('/bots', '/v1/bots'), 'GET /v1/bots').data
    },
    async register({ code, name, type }) {
      const answer = await requester.json({
        method: 'POST',
        path: '/bots',
        route: '/v1/bots',
        json: { code, name, type, eventMode: 'fetch' },
        plan,
        repeatable: false,
        deadlineMs: writeMs,
      })
      return readShape(botResponse, answer, 'POST /v1/bots').data
    },
    async unregister(botId) {
      const spec = { method: 'DELETE', path: `/bots/${botId}`, route: '/v1/bots/:botId' } as const
      await requester.json({ ...spec, plan, repeatable: false, deadlineMs: writeMs })
    },
    async events(botId, { offset, limit }) {
      const name = '/v1/bots/:botId/events'
      const answer = await read(`/bots/${botId}/events`, name, { offset, limit })
      const { events, nextOffset, lastEventId, hasMore } = readShape(botEventsResponse, answer, `GET ${name}`).data
      const last = events.reduce((highest, event) => Math.max(highest, event.eventId ?? 0), offset - 1)
      const next = nextOffset ?? (lastEventId === null ? last + 1 : lastEventId + 1)
      return { events, nextOffset: Math.max(offset, next), hasMore }
    },
    async sendMessage(botId, { dialogId, text }) {
      const answer = await requester.json({
        method: 'POST',
        path: `/bots/${botId}/messages`,
        route,
        json: { dialogId, fields: { message: text.slice(0, maxMessage) } },
        plan: { family: 'bot', fenced: true },
        repeatable: false,
        fresh: true,
        deadlineMs: writeMs,
      })
      return String(readShape(sentResponse, answer, `POST ${route}`).data.id)
    },
    async showTyping(botId, dialogId) {
      await requester.json({
        method: 'POST',
        path: `/bots/${botId}/typing`,
        route: '/v1/bots/:botId/typing',
        json: { dialogId, statusMessageCode: 'IMBOT_AGENT_ACTION_THINKING', duration: typingSeconds },
        plan,
        repeatable: false,
        deadlineMs: writeMs,
      })
    },
    async readAround(botId, messageId) {
      const name = '/v1/bots/:botId/messages/:messageId/context'
      return await orRefused(async () => {
        const answer = await read(`/bots/${botId}/messages/${messageId}/context`, name, { range: contextRange })
        return readShape(chatLinesResponse, answer, `GET ${name}`).data.messages
      })
    },
    async readChat(dialogId) {
      const name = '/v1/chats/:dialogId/messages'
      return await orRefused(async () => {
        const answer = await requester.json({
          method: 'GET',
          path: `/chats/${encodeURIComponent(dialogId)}/messages`,
          route: name,
          query: { limit: 200 },
          plan: { family: 'im' },
          repeatable: true,
          deadlineMs: requestMs,
        })
        return readShape(chatLinesResponse, answer, `GET ${name}`).data.messages
      })
    },
    async notify({ userId, text, tag }) {
      const name = '/v1/notifications'
      const answer = await requester.json({
        method: 'POST',
        path: '/notifications',
        route: name,
        json: { userId, message: text.slice(0, maxMessage), tag },
        plan: { family: 'im', fenced: true },
        repeatable: false,
        fresh: true,
        deadlineMs: writeMs,
      })
      return String(readShape(sentResponse, answer, `POST ${name}`).data.id)
    },
  }
}
