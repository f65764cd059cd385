import { type RouterCode, routerCodes } from './codes.ts'

export interface RouterErrorFacts {
  /** Other than the document's, where HTTP has a word of its own (405, 408, 413). */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** The field that is wrong, as OpenAI names it. */
  readonly param?: string
  readonly cause?: unknown
}

/** A refusal as the document words it. Its message never repeats what an upstream said, nor a key. */
export class RouterError extends Error {
  override name = 'RouterError'
  readonly code: RouterCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly param: string | null
  constructor(code: RouterCode, message: string, facts: RouterErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.status = facts.status ?? routerCodes[code]
    this.headers = facts.headers ?? {}
    this.param = facts.param ?? null
  }
}
