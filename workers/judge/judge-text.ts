import { randomUUID } from 'node:crypto'
import type { Config } from '../../src/config.ts'
import type { Portal } from '../../src/db/portals.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import type { TokenUsage } from '../../src/wire/chat.ts'
import type { Rubric } from '../rubrics/rubric.ts'
import { chatMicros } from '../spending.ts'
import { maskPeople } from './mask-people.ts'
import { type JudgedVerdict, prepareVerdict } from './prepare-verdict.ts'

/**
 * One verdict outside of any run, to try a rubric. It passes the portal's gates; its caps it does not: a person stands before it and
 * was told what it costs.
 */
export async function judgeText(
  deps: { config: Config; portal: Portal; vibecode: Vibecode },
  wanted: { rubric: Rubric; text: string },
): Promise<JudgedVerdict & { model: string | null; usage: TokenUsage; cost: number }> {
  const { config, portal, vibecode } = deps
  const asked = prepareVerdict({
    rubric: wanted.rubric,
    text: config.mask ? maskPeople(wanted.text).text : wanted.text,
    seed: randomUUID(),
  })
  const { value, model, usage } = await vibecode.chat.askJson({
    ...asked.prompt,
    model: portal.settings.chatModel ?? config.chatModel,
    schema: asked.schema,
  })
  const cost = chatMicros(usage.promptTokens + usage.completionTokens, config.prices) / 1_000_000
  return { ...asked.read(value), model, usage, cost }
}
