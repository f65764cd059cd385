import type { z } from 'zod'
import { type ChatMessage, type ChatResponse, chatResponse, type ResponseFormat } from '../wire/chat.ts'
import { type AskJsonOptions, askJson, type JsonAnswer } from './ask-json.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'
import type { UpstreamTraits } from './traits.ts'

export const defaultChatModel = 'bitrix/bitrixgpt-5.5'
const route = '/v1/chat/completions'

export interface CompleteOptions {
  /** `bitrix/bitrixgpt-5.5` unless told. */
  readonly model?: string | undefined
  readonly messages: readonly ChatMessage[]
  readonly responseFormat?: ResponseFormat | undefined
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

export type Completion = ChatResponse & { readonly requestId: string | null }

export interface ChatResource {
  complete(options: CompleteOptions): Promise<Completion>
  /** Asks for a JSON object of the given shape; see `askJson`. */
  askJson<Schema extends z.ZodType>(options: AskJsonOptions<Schema>): Promise<JsonAnswer<z.output<Schema>>>
}

export function createChat(requester: Requester, durations: ClientDurations, traits: UpstreamTraits): ChatResource {
  async function complete(options: CompleteOptions): Promise<Completion> {
    const model = options.model ?? defaultChatModel
    const answer = await requester.json({
      method: 'POST',
      path: '/chat/completions',
      route,
      json: {
        model,
        messages: options.messages,
        ...(options.responseFormat === undefined ? {} : { response_format: options.responseFormat }),
        ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
        ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
      },
      plan: { family: 'ai', model, fenced: true },
      repeatable: true,
      deadlineMs: durations.chatMs,
    })
    return { ...readShape(chatResponse, answer, `POST ${route}`), requestId: answer.requestId ?? null }
  }

  return { complete, askJson: (options) => askJson(complete, traits, options) }
}
