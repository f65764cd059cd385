import { z } from 'zod'
import { readCallStory } from '../db/call-story.ts'
import { describeClass } from '../wire/class-text.ts'
import { tellCall } from './call-tale.ts'
import { CallName, findCall } from './find-call.ts'
import { defineOperation } from './operation.ts'

export const callShow = defineOperation({
  name: 'call.show',
  summary: 'Everything known of one call: how far it came, why it waits, what was heard, judged and written.',
  input: z.strictObject(CallName),
  run: async (app, input) => {
    const { id } = await findCall(app, input)
    const story = await readCallStory(app.db, id)
    const output = (name: string) =>
      story.steps.find((step) => step.name === name && step.state === 'done')?.output ?? null
    const parts = story.steps.filter((step) => step.name === 'transcribePart')
    const cause =
      story.run?.class ?? story.steps.find((step) => step.state === 'ready' && step.class !== null)?.class ?? null
    return {
      ...story,
      answer: tellCall(story),
      cause: cause === null ? null : { class: cause, ...describeClass(cause) },
      verdict: output('classifyLead'),
      transcript: {
        parts: parts.length,
        done: parts.filter((part) => part.state === 'done').length,
        texts: parts
          .filter((part) => part.state === 'done')
          .map((part) => ({ index: part.index, output: part.output })),
      },
      entry: output('writeTimeline'),
    }
  },
})
