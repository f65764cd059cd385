import type { ClientDurations } from './durations.ts'
import type { Requester } from './request.ts'

const route = '/v1/bots/:botId/messages'
/** The API takes no longer message. */
const maxMessage = 20_000

export interface BotsResource {
  /** Says something in a chat in the bot's name. Never repeated here: a chat has no idempotency key. */
  sendMessage(
    botId: number,
    message: { dialogId: string; text: string },
    /** A step's own: its fence is looked at just before the bytes leave. */
    options?: { fenced?: boolean },
  ): Promise<void>
}

export function createBots(requester: Requester, durations: ClientDurations): BotsResource {
  return {
    async sendMessage(botId, { dialogId, text }, { fenced = false } = {}) {
      await requester.json({
        method: 'POST',
        path: `/bots/${botId}/messages`,
        route,
        json: { dialogId, fields: { message: text.slice(0, maxMessage) } },
        plan: fenced ? { family: 'bot', fenced } : { family: 'bot' },
        repeatable: false,
        ...(fenced ? { fresh: true } : {}),
        deadlineMs: durations.writeMs,
      })
    },
  }
}
