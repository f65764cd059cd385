import type { HeardPart, Span, TranscriptSegment } from '../shapes.ts'
import { speechPadSeconds } from '../speech-pad.ts'

/** Who spoke how much; seconds. Of the two sides only where each has a channel of its own. */
export interface Talk {
  readonly agentSeconds: number | null
  readonly customerSeconds: number | null
  /** The agent's share of what both said, 0..1. */
  readonly agentShare: number | null
  /** Longer than three seconds, in which nobody speaks; between the first word and the last. */
  readonly silences: { readonly count: number; readonly seconds: number; readonly longestSeconds: number }
  /** How often one began while the other was speaking, and both went on for half a second or more. */
  readonly interruptions: { readonly byAgent: number; readonly byCustomer: number } | null
}

const SILENCE_SECONDS = 3
const TOGETHER_SECONDS = 0.5

export function measureTalk(
  parts: readonly HeardPart[],
  segments: readonly TranscriptSegment[],
  speech: readonly (readonly Span[])[],
): Talk {
  const of = (speaker: 'agent' | 'customer') => {
    const channel = parts.find(({ part }) => part.speaker === speaker)?.part.channel
    return channel == null ? null : (speech[channel] ?? []).map(withoutPad)
  }
  const [agent, customer] = [of('agent'), of('customer')]
  const heard = speech.some((row) => row.length > 0)
    ? speech.flat().map(withoutPad)
    : segments.map(({ start, end }) => ({ startSeconds: start, endSeconds: end }))
  const silences = silencesOf(heard)
  if (agent === null || customer === null) {
    return { agentSeconds: null, customerSeconds: null, agentShare: null, silences, interruptions: null }
  }
  const [agentSeconds, customerSeconds] = [total(agent), total(customer)]
  const both = agentSeconds + customerSeconds
  return {
    agentSeconds,
    customerSeconds,
    agentShare: both === 0 ? null : Math.round((agentSeconds / both) * 1_000) / 1_000,
    silences,
    interruptions: { byAgent: interruptions(agent, customer), byCustomer: interruptions(customer, agent) },
  }
}

/** The voice itself: what is sent around it would make speakers who take turns interrupt each other. */
function withoutPad({ startSeconds, endSeconds }: Span): Span {
  const start = startSeconds === 0 ? 0 : startSeconds + speechPadSeconds
  return { startSeconds: start, endSeconds: Math.max(start, endSeconds - speechPadSeconds) }
}

function total(spans: readonly Span[]): number {
  return Math.round(spans.reduce((sum, span) => sum + span.endSeconds - span.startSeconds, 0) * 10) / 10
}

function silencesOf(spans: readonly Span[]): Talk['silences'] {
  let [count, seconds, longestSeconds] = [0, 0, 0]
  let until: number | null = null
  for (const span of [...spans].sort((a, b) => a.startSeconds - b.startSeconds)) {
    const gap = until === null ? 0 : span.startSeconds - until
    if (gap > SILENCE_SECONDS) {
      count += 1
      seconds += gap
      longestSeconds = Math.max(longestSeconds, gap)
    }
    until = Math.max(until ?? 0, span.endSeconds)
  }
  const round = (value: number) => Math.round(value * 10) / 10
  return { count, seconds: round(seconds), longestSeconds: round(longestSeconds) }
}

/** How often `one` begins while `other` has been speaking. */
function interruptions(one: readonly Span[], other: readonly Span[]): number {
  return one.filter((span) =>
    other.some(
      (theirs) =>
        theirs.startSeconds < span.startSeconds &&
        Math.min(theirs.endSeconds, span.endSeconds) - span.startSeconds >= TOGETHER_SECONDS - 0.001,
    ),
  ).length
}
