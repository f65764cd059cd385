import { defineWorkflow } from '../../src/engine/define.ts'
import { AnswerInput } from '../bots/answer-input.ts'
import type { CallContext } from '../call-context.ts'
import { callPerson } from '../steps/call-person.ts'
import { composeAnswer } from '../steps/compose-answer.ts'
import { sendAnswer } from '../steps/send-answer.ts'

/** One message to a bot: from what was said to the answer in the chat. */
export const answerMessage = defineWorkflow<CallContext, typeof AnswerInput>('answerMessage', AnswerInput)
  .step(composeAnswer, { endsWhen: (composed) => composed.ended })
  .step(sendAnswer, { endsWhen: (sent) => sent.ended })
  .step(callPerson)
