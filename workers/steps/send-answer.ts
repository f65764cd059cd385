import { z } from 'zod'
import { addBotLine, type BotLine, findBotLine, listOwnMessages } from '../../src/db/bot-messages.ts'
import { holdDialog } from '../../src/db/bots.ts'
import { Permanent } from '../../src/errors.ts'
import { AnswerInput } from '../bots/answer-input.ts'
import type { CallContext } from '../call-context.ts'
import { step } from '../step.ts'

/** Says it, once. A chat has no idempotency key: after a doubt the dialogue is read, where the portal lets the bot, before anything is sent again. */
export const sendAnswer = step({
  name: 'sendAnswer',
  queue: 'bots',
  family: 'none',
  input: z.object({
    run: AnswerInput,
    composeAnswer: z.object({ text: z.string(), handover: z.boolean(), callId: z.string().nullable() }),
  }),
  /** `observed`: writing is off. `found`: it stood there after a doubt; `kept`: an earlier attempt had said it. */
  output: z.object({
    state: z.enum(['written', 'found', 'kept', 'observed', 'forgotten']),
    messageId: z.string().nullable(),
    /** Why nobody has to be called: no person is wanted, or nothing was said. */
    ended: z.enum(['answered', 'observed', 'forgotten']).nullable(),
  }),
  async run(context, { run, composeAnswer: answer }) {
    const { config, db, portal, vibecode } = context
    if (!config.write || !portal.writeEnabled)
      return { state: 'observed' as const, messageId: null, ended: 'observed' as const }
    const line = await findBotLine(db, run.lineId)
    if (line === null) return { state: 'forgotten' as const, messageId: null, ended: 'forgotten' as const }
    const { botId, dialogId } = run
    const written = await context.writeOnce({
      key: `bot ${portal.id} ${botId} answer ${run.messageId}`,
      kind: 'chat answer',
      intentNo: 1,
      marker: `answer to ${run.messageId}`,
      target: { botId, dialogId, messageId: run.messageId },
      send: async () => await vibecode.bots.sendMessage(botId, { dialogId, text: answer.text }),
      readBack: async () => await findAnswer(context, line, answer.text),
    })
    await addBotLine(db, {
      ...line,
      messageId: Number(written.externalId),
      author: 'bot',
      body: answer.text,
      callId: answer.callId,
      answers: line.id,
    })
    if (answer.handover) await holdDialog(db, portal.id, botId, dialogId)
    return {
      state: written.how,
      messageId: written.externalId,
      ended: answer.handover ? null : ('answered' as const),
    }
  },
})

/** An answer of these words after the question, that is no other message's answer. */
async function findAnswer(context: CallContext, line: BotLine, text: string): Promise<string | null> {
  const around = await context.vibecode.bots.readAround(line.botId, line.messageId)
  if (around === null)
    throw new Permanent('message_in_doubt', {
      message: `It is not known whether the answer to message ${line.messageId} was said: its sending was lost, and bot ${line.botId} may not read its dialogue.`,
      hint: 'Look into the chat. Register the bot as `personal`, so that it may look itself.',
      policy: 'manual',
    })
  const others = await listOwnMessages(context.db, line)
  const plain = (one: string) => one.replace(/\s+/g, ' ').trim()
  const found = around.find(
    (one) =>
      one.authorId === line.botId && one.id > line.messageId && !others.has(one.id) && plain(one.text) === plain(text),
  )
  return found === undefined ? null : String(found.id)
}
