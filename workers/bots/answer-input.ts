import { z } from 'zod'

/** A message that waits to be answered. Its words are not here: they are kept for as long as the bot remembers, and no longer. */
export const AnswerInput = z.object({
  botId: z.number().int(),
  /** Id of our row. */
  lineId: z.string(),
  /** The portal's id of the message. */
  messageId: z.number().int(),
  dialogId: z.string(),
})
