import type { readCallStory } from '../db/call-story.ts'
import { ticketText } from '../vibecode/ticket.ts'

type Steps = Awaited<ReturnType<typeof readCallStory>>['steps']

const routes: Readonly<Record<string, string>> = {
  locateRecording: 'GET /v1/activities or /v1/calls/statistics',
  planAudio: 'GET /v1/files/:id/download',
  transcribePart: 'POST /v1/audio/transcriptions',
  classifyLead: 'POST /v1/chat/completions',
  writeTimeline: 'POST /v1/timeline-logs',
}

/** The ticket for a step that the upstream's own fault (INTERNAL_ERROR) has stopped; null where there is none. */
export function ticketOf(steps: Steps): string | null {
  for (const step of steps) {
    const faults = step.attempts.filter((attempt) => attempt.code?.toUpperCase() === 'INTERNAL_ERROR')
    const last = faults.at(-1)
    if (step.state === 'done' || last === undefined || faults.length < 2) continue
    return ticketText({
      requestId: last.requestId,
      route: routes[step.name] ?? step.name,
      at: last.finishedAt ?? last.startedAt,
      attempts: faults.length,
    })
  }
  return null
}
