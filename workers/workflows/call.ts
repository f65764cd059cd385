import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { CallInput } from '../call-input.ts'
import { classifyLead } from '../steps/classify-lead.ts'
import { followUp } from '../steps/follow-up.ts'
import { locateRecording } from '../steps/locate-recording.ts'
import { mergeTranscript } from '../steps/merge-transcript.ts'
import { planAudio } from '../steps/plan-audio.ts'
import { transcribePart } from '../steps/transcribe-part.ts'
import { writeTimeline } from '../steps/write-timeline.ts'

/** One call: from its end in Bitrix24 to the entry in the timeline. */
export const call = defineWorkflow<CallContext, typeof CallInput>('call', CallInput)
  .step(locateRecording, { endsWhen: (located) => located.ended })
  .step(planAudio, { endsWhen: (planned) => planned.ended })
  .each(transcribePart, ({ planAudio }) => planAudio.parts)
  .step(mergeTranscript, { endsWhen: (merged) => merged.ended })
  .step(classifyLead)
  .step(writeTimeline)
  .each(followUp, ({ writeTimeline }) => writeTimeline.followUps ?? [], { chosenFrom: ['writeTimeline'] })
