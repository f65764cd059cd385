import type { readCallStory } from '../db/call-story.ts'
import { describeClass } from '../wire/class-text.ts'

type Story = Awaited<ReturnType<typeof readCallStory>>

export interface Answer {
  /** One sentence: where the call stands and why. */
  readonly sentence: string
  /** What to do, or null where there is nothing to be done. */
  readonly mend: string | null
}

const endings: Readonly<Record<string, string>> = {
  no_speech: 'The recording holds no speech, so there is nothing to judge.',
  transcript_only: 'Only a transcript was asked for.',
  no_recording: 'The portal never attached a recording. A later event or reconcile opens the call again.',
  merged: 'It turned out to be the same call as another one, and was merged into that.',
  not_audio: 'The recording is not an audio file.',
  empty_audio: 'The recording is an empty file.',
  too_short: 'The recording is too short to judge.',
  cancelled: 'A person cancelled it.',
  portal_removed: 'Its portal was removed while it was under way.',
}

/** Answers "why has this call no score?", or says that it has one. */
export function tellCall(story: Story): Answer {
  const { run, call } = story
  if (run === null) return { sentence: 'The call has no run.', mend: 'Submit it again.' }
  if (call.mergedInto !== null) return { sentence: `The call was merged into call ${call.mergedInto}.`, mend: null }
  if (run.state === 'done' && run.class === null) return tellWritten(story)
  if (run.state === 'done' || run.state === 'cancelled') {
    const word = run.class ?? run.state
    return { sentence: endings[word] ?? describeClass(word).title, mend: null }
  }
  const parked = story.steps.find((step) => step.state === 'parked')
  if (parked !== undefined) {
    return {
      sentence: `${parked.name} is parked: ${parked.message ?? describeClass(parked.class ?? '').title}`,
      mend: parked.hint ?? describeClass(parked.class ?? '').mend,
    }
  }
  return tellRunning(story)
}

function tellWritten(story: Story): Answer {
  const { call } = story
  const output = story.steps.find((step) => step.name === 'writeTimeline' && step.state === 'done')?.output
  const state = typeof output === 'object' && output !== null && 'state' in output ? output.state : null
  switch (state) {
    case 'observed':
      return {
        sentence: 'The call was judged; nothing was written, because writing is off for it.',
        mend: call.dryRun
          ? 'It was submitted as a dry run and stays one; submit the call anew to have it written.'
          : 'Turn writing on, then rerun it from writeTimeline.',
      }
    case 'kept':
      return {
        sentence: 'The call was judged again; the CRM keeps showing the entry written before.',
        mend: 'Use write-again to add a second entry.',
      }
    default:
      return { sentence: 'The call was judged and its entry stands in the timeline.', mend: null }
  }
}

function tellRunning(story: Story): Answer {
  const step = story.steps.find((one) => one.state !== 'done' && one.state !== 'cancelled')
  if (step === undefined) return { sentence: 'The call is on its way.', mend: null }
  if (step.state === 'running') return { sentence: `${step.name} is being worked on now.`, mend: null }
  if (step.blockedBy !== null)
    return {
      sentence: `${step.name} waits behind the closed gate ${step.blockedBy}: ${step.message ?? ''}`.trim(),
      mend: step.hint,
    }
  if (step.class !== null)
    return {
      sentence: `${step.name} waits until ${step.dueAt.toISOString()}: ${step.message ?? describeClass(step.class).title}`,
      mend: step.hint,
    }
  return { sentence: `${step.name} waits for a worker.`, mend: null }
}
