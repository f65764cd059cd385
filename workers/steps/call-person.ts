import { z } from 'zod'
import { findBot } from '../../src/db/bots.ts'
import { AnswerInput } from '../bots/answer-input.ts'
import { botRules } from '../bots/bot-rules.ts'
import { step } from '../step.ts'

/** Tells those who take over. A notification has a tag, and one with the same tag takes its place: sent twice it stands there once. */
export const callPerson = step({
  name: 'callPerson',
  queue: 'bots',
  family: 'none',
  input: z.object({ run: AnswerInput }),
  output: z.object({ told: z.array(z.number()) }),
  async run(context, { run }) {
    const { db, portal, vibecode } = context
    const bot = await findBot(db, portal.id, run.botId)
    const told: number[] = []
    for (const userId of botRules(bot?.settings ?? {}).handoverTo) {
      const tag = `callsift handover ${run.botId} ${run.messageId}`
      const text = `${bot?.name ?? 'Callsift'}: a person is wanted in dialogue ${run.dialogId}. The bot is silent there until it is released: callsift bot release ${run.botId} ${run.dialogId}`
      await context.writeOnce({
        key: `bot ${portal.id} ${run.botId} handover ${run.messageId} to ${userId}`,
        kind: 'notification',
        intentNo: 1,
        marker: tag,
        target: { userId },
        send: async () => await vibecode.bots.notify({ userId, text, tag }),
        readBack: async () => null,
      })
      told.push(userId)
    }
    return { told }
  },
})
