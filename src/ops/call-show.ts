import { z } from 'zod'
import type { App } from '../context.ts'
import { readCallStory, type StepStory } from '../db/call-story.ts'
import { describeClass } from '../wire/class-text.ts'
import { tellCall } from './call-tale.ts'
import { ticketOf } from './call-ticket.ts'
import { CallName, findCall } from './find-call.ts'
import { type Caller, defineOperation } from './operation.ts'
import { phoneFor } from './phone-for.ts'

/** Everything an operator needs to answer "why has this call no score?". */
export async function showCall(app: App, input: { call: string; portalId?: string | undefined }, caller: Caller) {
  const { id } = await findCall(app, input)
  const read = await readCallStory(app.db, id)
  const story = { ...read, call: { ...read.call, phone: phoneFor(caller, read.call.phone) } }
  const output = (name: string) =>
    story.steps.find((step) => step.name === name && step.state === 'done')?.output ?? null
  const parts = story.steps.filter((step) => step.name === 'transcribePart')
  const heard = parts.filter((part) => part.state === 'done')
  const cause =
    story.run?.class ?? story.steps.find((step) => step.state === 'ready' && step.class !== null)?.class ?? null
  return {
    ...story,
    answer: tellCall(story),
    /** Ready to be sent to the upstream's support, when its own fault persists. */
    ticket: ticketOf(story.steps),
    /** What is to be known of it although it went on. */
    flags: flagsOf(output('planAudio'), output('mergeTranscript')),
    cause: cause === null ? null : { class: cause, ...describeClass(cause) },
    plan: output('planAudio'),
    verdict: output('classifyLead'),
    transcript: {
      parts: parts.length,
      done: heard.length,
      merged: output('mergeTranscript'),
    },
    entry: output('writeTimeline'),
    /** What was wanted beside the entry, and what became of each. */
    followUps: story.steps.filter((step) => step.name === 'followUp').map(tellFollowUp),
  }
}

function tellFollowUp(step: StepStory) {
  const done =
    step.state === 'done' ? (step.output as { state: string; why: string | null; on: readonly string[] }) : null
  return {
    kind: step.kind ?? step.name,
    state: done?.state ?? (step.state === 'parked' ? 'parked' : 'waiting'),
    /** Why it was left out. */
    why: done?.why ?? null,
    on: done?.on ?? [],
  }
}

const flagOf = (name: string) => ({ class: name, ...describeClass(name) })

function flagsOf(plan: unknown, merged: unknown): ReturnType<typeof flagOf>[] {
  const told = (output: unknown, field: string) =>
    typeof output === 'object' && output !== null && (output as Record<string, unknown>)[field] === true
  return [
    ...(told(plan, 'truncated') ? [flagOf('truncated_audio')] : []),
    ...(told(plan, 'fromPortal') ? [flagOf('portal_transcript')] : []),
    ...(told(merged, 'capped') ? [flagOf('overlong_transcript')] : []),
  ]
}
export type CallShown = Awaited<ReturnType<typeof showCall>>

export const callShow = defineOperation({
  name: 'call.show',
  summary: 'Everything known of one call: how far it came, why it waits, what was heard, judged and written.',
  input: z.strictObject(CallName),
  run: showCall,
})
