import type { BotSettings } from '../../src/db/schema-bots.ts'

/** A bot as it behaves: what its operator set, and the standard for all else. */
export function botRules(settings: BotSettings): Required<BotSettings> {
  return {
    instructions: 'You are an assistant in the chat of a company that sells by phone. Be friendly, short and exact.',
    handoverPhrases: [
      'оператор',
      'оператора',
      'человека',
      'позовите человека',
      'позовите оператора',
      'нужен человек',
      'живой человек',
      'operator',
      'human',
      'real person',
      'talk to a person',
    ],
    handoverTo: [],
    perUserHour: 30,
    memoryHours: 24,
    tellsVerdicts: true,
    ...settings,
  }
}

/** An answer that comes later than this is none: whoever asked has gone on. */
export const staleMs = 60 * 60_000
/** Lines of the dialogue that the model sees. */
export const contextLines = 20
