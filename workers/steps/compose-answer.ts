import { z } from 'zod'
import {
  type BotLine,
  countOfUser,
  findBotLine,
  hasOpenEarlier,
  noteToldCall,
  readDialogue,
  readLastVerdict,
} from '../../src/db/bot-messages.ts'
import { findBot, isHeld } from '../../src/db/bots.ts'
import { isStepFailure, Later } from '../../src/errors.ts'
import { AnswerInput } from '../bots/answer-input.ts'
import { botRules, contextLines, staleMs } from '../bots/bot-rules.ts'
import { chatPrompt } from '../bots/chat-prompt.ts'
import { asksForVerdict, chatWords, hasPhrase, languageOf } from '../bots/chat-words.ts'
import { tidyAnswer } from '../bots/tidy-answer.ts'
import type { CallContext } from '../call-context.ts'
import { findSpokenOrders } from '../judge/spoken-orders.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

const Answer = z.object({ answer: z.string().trim().min(1), handover: z.boolean().catch(false) })

const Composed = z.object({
  /** Why nothing is said: a person has the dialogue, the user asked too much, too late, erased, or the bot is off. */
  ended: z.enum(['handed_over', 'user_limit', 'too_late', 'forgotten', 'bot_off']).nullable(),
  /** Whose words: the model's, or a sentence of the code. */
  by: z.enum(['model', 'code']),
  text: z.string(),
  handover: z.boolean(),
  /** The call whose verdict was told. */
  callId: z.string().nullable(),
  doubts: z.array(z.string()),
  model: z.string().nullable(),
  tokens: z.number(),
  micros: z.number(),
})
type Composed = z.output<typeof Composed>

const nothing = {
  ended: null,
  by: 'code',
  text: '',
  handover: false,
  callId: null,
  doubts: [],
  model: null,
  tokens: 0,
  micros: 0,
} as const
const turnMs = 250

/** Makes the answer to one message; what it may say of calls, and to whom, is decided here and not by the model. */
export const composeAnswer = step({
  name: 'composeAnswer',
  queue: 'bots',
  family: 'ai',
  input: z.object({ run: AnswerInput }),
  output: Composed,
  async run(context, { run }): Promise<Composed> {
    const { db, portal } = context
    const bot = await findBot(db, portal.id, run.botId)
    const line = await findBotLine(db, run.lineId)
    if (line === null) return { ...nothing, doubts: [], ended: 'forgotten' }
    if (bot === null || !bot.enabled) return { ...nothing, doubts: [], ended: 'bot_off' }
    if (await hasOpenEarlier(db, line))
      throw new Later(turnMs, 'awaiting_turn', {
        message: `An earlier message of dialogue ${line.dialogId} is still being answered.`,
      })
    if (await isHeld(db, portal.id, run.botId, run.dialogId)) return { ...nothing, doubts: [], ended: 'handed_over' }
    if (line.ageMs > staleMs) return { ...nothing, doubts: [], ended: 'too_late' }
    const rules = botRules(bot.settings)
    const words = chatWords[languageOf(line.body)]
    if (hasPhrase(line.body, rules.handoverPhrases))
      return { ...nothing, doubts: [], text: words.handover, handover: true }
    const asked = await countOfUser(db, line)
    if (asked > rules.perUserHour + 1) return { ...nothing, doubts: [], ended: 'user_limit' }
    if (asked > rules.perUserHour) return { ...nothing, doubts: [], text: words.limit }
    return await askModel(context, line, rules)
  },
})

async function askModel(context: CallContext, line: BotLine, rules: ReturnType<typeof botRules>): Promise<Composed> {
  const { config, db, portal, vibecode } = context
  const words = chatWords[languageOf(line.body)]
  const verdict =
    rules.tellsVerdicts && line.colleague && asksForVerdict(line.body)
      ? await readLastVerdict(db, portal.id, line.entity ?? { userId: line.userId })
      : null
  if (verdict !== null) await noteToldCall(db, line.id, verdict.callId)
  const dialogue = await readDialogue(db, line, { lines: contextLines, hours: rules.memoryHours })
  const prompt = chatPrompt({
    instructions: rules.instructions,
    dialogue,
    verdict,
    mask: config.mask,
    seed: `${portal.keyId} chat ${context.runKey}`,
  })
  if (config.write && portal.writeEnabled) await showTyping(context, line)
  const { system, user } = prompt
  const { value, model, usage } = await context.spend(
    { of: { system, user }, tokens: 2 * (Math.ceil((system.length + user.length) / 1.5) + 2_000) },
    () => vibecode.chat.askJson({ system, user, model: portal.settings.chatModel ?? config.chatModel, schema: Answer }),
    (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
  )
  const text = tidyAnswer(value.answer, { instructions: rules.instructions, system, fence: prompt.fence })
  const tokens = usage.promptTokens + usage.completionTokens
  return {
    ...nothing,
    by: text === null ? 'code' : 'model',
    text: value.handover ? `${text === null ? '' : `${text}\n`}${words.handover}` : (text ?? words.nothing),
    handover: value.handover,
    callId: verdict?.callId ?? null,
    doubts: findSpokenOrders(line.body).map((sign) => `the message ${sign}`),
    model,
    tokens,
    micros: chatMicros(tokens, config.prices),
  }
}

/** A courtesy: no answer waits for it, or fails by it. */
async function showTyping(context: CallContext, line: BotLine): Promise<void> {
  try {
    await context.vibecode.bots.showTyping(line.botId, line.dialogId)
  } catch (error) {
    if (!isStepFailure(error)) throw error
    context.log.debug({ bot: line.botId, class: error.class }, 'the typing status was not shown')
  }
}
