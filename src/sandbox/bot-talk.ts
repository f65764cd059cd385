import type { Bot } from './portal.ts'
import type { World } from './world.ts'

export interface BotMessage {
  readonly portal: string
  readonly botId: number
  readonly userId: number
  readonly text: string
  /** A chat of many, such as `chat77`; else the private dialogue with the user. */
  readonly dialogId?: string
  /** Further facts of the chat and of the user, as the event tells them (`entityType`, `extranet`, …). */
  readonly chat?: Record<string, unknown>
  readonly user?: Record<string, unknown>
  readonly date?: string
}

function needBot(world: World, portal: string, botId: number): Bot {
  const bot = world.portal(portal).bots.get(botId)
  if (!bot) throw new Error(`portal "${portal}" has no bot ${botId}`)
  return bot
}

/** An event of any kind for a bot to read. */
export function addBotEvent(
  world: World,
  event: { portal: string; botId: number; type: string; data?: unknown; date?: string },
) {
  const bot = needBot(world, event.portal, event.botId)
  const added = {
    eventId: bot.events.length + 1,
    type: event.type,
    date: event.date ?? new Date(world.now()).toISOString(),
    data: event.data ?? null,
  }
  bot.events.push(added)
  return added
}

/** Somebody writes to a bot: the message stands in the chat, and its event waits to be read. */
export function writeToBot(world: World, message: BotMessage): { messageId: number; eventId: number } {
  const portal = world.portal(message.portal)
  const bot = needBot(world, message.portal, message.botId)
  const date = message.date ?? new Date(world.now()).toISOString()
  const dialogId = message.dialogId ?? String(message.userId)
  const id = portal.nextId()
  const chatId = portal.chatLines.find((line) => line.dialogId === dialogId)?.chatId ?? portal.nextId()
  portal.chatLines.push({ id, chatId, dialogId, authorId: message.userId, text: message.text, date })
  const { eventId } = addBotEvent(world, {
    portal: message.portal,
    botId: bot.id,
    type: 'ONIMBOTV2MESSAGEADD',
    date,
    data: {
      dialogId,
      bot: { id: bot.id, code: bot.code, type: bot.type },
      message: { id, chatId, authorId: message.userId, date, text: message.text },
      chat: { id: chatId, dialogId, type: message.dialogId === undefined ? 'private' : 'chat', ...message.chat },
      user: { id: message.userId, name: `SANDBOX user ${message.userId}`, bot: false, ...message.user },
    },
  })
  return { messageId: id, eventId }
}
