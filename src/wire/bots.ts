import { z } from 'zod'
import { envelope, inEitherCase, listEnvelope, optionalId, optionalInteger, optionalText, wireId } from './values.ts'

/** A registered bot; its id is called `botId` by some pages and `id` by others. */
const bot = inEitherCase(
  z.object({ botId: optionalId, id: optionalId, code: optionalText, name: optionalText, type: optionalText }),
).transform((row, context) => {
  const id = row.botId ?? row.id
  if (id !== null) return { id, code: row.code, name: row.name, type: row.type }
  context.addIssue({ code: 'custom', message: 'a bot without an id' })
  return z.NEVER
})
export const botResponse = envelope(bot)
export const botsResponse = listEnvelope(bot)
export type RegisteredBot = z.output<typeof bot>

const flag = z
  .unknown()
  .optional()
  .transform((value) => value === true || value === 1 || value === '1' || value === 'Y' || value === 'true')
const optionalRecord = z.record(z.string(), z.unknown()).catch({})

/** An event as it waits to be read; what it holds is told apart by `readBotMessage`. */
const botEvent = z.object({
  eventId: optionalInteger,
  type: z.string().catch(''),
  date: optionalText,
  data: optionalRecord,
})
export const botEventsResponse = envelope(
  z.object({
    events: z.array(botEvent).catch([]),
    nextOffset: optionalInteger,
    /** What an earlier client knows the next offset by. */
    lastEventId: optionalInteger,
    hasMore: z.boolean().catch(false),
  }),
)
export type BotEvent = z.output<typeof botEvent>

const messageFacts = z.object({
  dialogId: optionalText,
  message: z.object({
    id: wireId,
    chatId: optionalId,
    authorId: optionalId,
    text: z.string().catch(''),
    isSystem: flag,
  }),
  chat: z
    .object({ dialogId: optionalText, type: optionalText, entityType: optionalText, entityId: optionalText })
    .catch({ dialogId: null, type: null, entityType: null, entityId: null }),
  user: z
    .object({ id: optionalId, bot: flag, extranet: flag, connector: flag })
    .catch({ id: null, bot: false, extranet: true, connector: false }),
})

export interface BotMessage {
  readonly messageId: number
  readonly dialogId: string
  readonly userId: number
  readonly text: string
  /** A dialogue of two; in a chat of many the bot is spoken to by its name. */
  readonly isPrivate: boolean
  /** Somebody of the company; not a guest of the portal, nor a customer behind an open line. */
  readonly isColleague: boolean
  /** The CRM record whose chat this is. */
  readonly entity: { readonly typeId: number; readonly id: number } | null
}

const entityTypes: Readonly<Record<string, number>> = { LEAD: 1, DEAL: 2, CONTACT: 3, COMPANY: 4 }

/** A message of a person to the bot; null for everything else: other events, the bot's own words, system lines, files without a word. */
export function readBotMessage(event: BotEvent, botId: number): BotMessage | null {
  if (!/^ONIMBOT(?:V2)?MESSAGEADD$/i.test(event.type)) return null
  const read = messageFacts.safeParse(event.data)
  if (!read.success) return null
  const { message, chat, user, ...rest } = read.data
  const dialogId = chat.dialogId ?? rest.dialogId
  const userId = user.id ?? message.authorId
  const text = message.text.trim()
  const own = userId === botId || message.authorId === botId || user.bot
  if (dialogId === null || userId === null || own || message.isSystem || text === '') return null
  const line = (chat.entityType ?? '').toUpperCase()
  const [, kind = '', id = ''] = /^([A-Z]+)\|(\d{1,15})$/.exec((chat.entityId ?? '').toUpperCase()) ?? []
  const typeId = line === 'CRM' ? entityTypes[kind] : undefined
  return {
    messageId: message.id,
    dialogId,
    userId,
    text,
    isPrivate: chat.type === null ? !dialogId.startsWith('chat') : chat.type === 'private',
    isColleague: !user.extranet && !user.connector && line !== 'LINES',
    entity: typeId === undefined ? null : { typeId, id: Number(id) },
  }
}

export const sentResponse = envelope(inEitherCase(z.object({ id: wireId })))

const chatLine = inEitherCase(
  z.object({ id: wireId, authorId: optionalInteger, text: z.string().catch(''), date: optionalText }),
)
export const chatLinesResponse = envelope(z.object({ messages: z.array(chatLine).catch([]) }))
export type ChatLine = z.output<typeof chatLine>
