import { z } from 'zod'
import { exitCodes } from './exit-codes.ts'
import { MergedTranscript } from './merged-transcript.ts'
import type { Operations } from './operations.ts'
import type { Terminal } from './terminal.ts'

const Step = z.looseObject({
  name: z.string(),
  index: z.number(),
  state: z.string(),
  class: z.string().nullable(),
  message: z.string().nullable(),
})

export const CallShown = z.looseObject({
  call: z.looseObject({
    id: z.string(),
    portalId: z.string(),
    callRef: z.string().nullable(),
    durationSeconds: z.number().nullable(),
    dryRun: z.boolean(),
  }),
  run: z.looseObject({ state: z.string(), class: z.string().nullable(), generation: z.number() }).nullable(),
  steps: z.array(Step),
  flags: z.array(z.object({ class: z.string(), title: z.string(), mend: z.string() })),
  answer: z.object({ sentence: z.string(), mend: z.string().nullable() }),
  ticket: z.string().nullable(),
  plan: z.unknown(),
  transcript: z.looseObject({ merged: MergedTranscript }),
  verdict: z
    .looseObject({ quality: z.string().nullish(), score: z.number().nullish(), reason: z.string().nullish() })
    .nullable(),
  entry: z
    .looseObject({
      state: z.string(),
      title: z.string(),
      text: z.string(),
      externalId: z.string().nullable(),
      entity: z.object({ typeId: z.number(), id: z.number() }).nullable(),
    })
    .nullable(),
  followUps: z.array(
    z.looseObject({ kind: z.string(), state: z.string(), why: z.string().nullable(), on: z.array(z.string()) }),
  ),
})
export type CallShown = z.output<typeof CallShown>

const stepWords: Readonly<Record<string, string>> = {
  locateRecording: 'finding the recording and its CRM record',
  planAudio: 'fetching and measuring the recording',
  transcribePart: 'transcribing',
  mergeTranscript: 'putting the transcript together',
  classifyLead: 'judging',
  writeTimeline: 'writing the timeline entry',
  followUp: 'what is done beside the entry',
}
const followUpWords: Readonly<Record<string, string>> = {
  fields: 'User fields',
  dialogue: 'Dialogue in the call',
  bind: 'Entry shown in',
  alert: 'Message to the manager',
  trigger: 'Automation trigger',
}
const entityWords: Readonly<Record<number, string>> = { 1: 'lead', 2: 'deal', 3: 'contact', 4: 'company' }

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/**
 * Tells each step's progress until the run has ended or is parked. Null when it was asked to stop watching.
 * The record is asked each half second: it may be another process's.
 */
export async function followCall(
  terminal: Terminal,
  operations: Operations,
  callId: string,
  stop: AbortSignal,
): Promise<CallShown | null> {
  const told = new Map<string, string>()
  const began = performance.now()
  let barAt = -1
  for (;;) {
    const shown = await operations.ask('call.show', { call: callId }, CallShown)
    for (const step of shown.steps) {
      const key = `${shown.run?.generation}:${step.name}:${step.index}`
      const news = step.state === 'ready' && step.class === null ? 'waiting' : `${step.state} ${step.class ?? ''}`
      if (told.get(key) === news || news === 'waiting' || step.state === 'dispatched') continue
      told.set(key, news)
      const part = step.name === 'transcribePart' ? ` part ${step.index + 1}` : ''
      const why = step.state === 'done' || step.state === 'running' ? '' : `: ${step.message ?? step.class ?? ''}`
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6)
      terminal.note(
        `${seconds} s  ${stepWords[step.name] ?? step.name}${part}: ${step.state === 'ready' ? 'put off' : step.state}${why}`,
      )
    }
    const parts = shown.steps.filter((step) => step.name === 'transcribePart')
    const heard = parts.filter((step) => step.state === 'done').length
    if (parts.length > 1 && heard > barAt) {
      barAt = heard
      terminal.progress(heard, parts.length, 'parts heard')
    }
    if (shown.run !== null && shown.run.state !== 'running') return shown
    if (stop.aborted) return null
    await delay(500)
  }
}

/** Where the call stands, its verdict and its entry. */
export function printCall(terminal: Terminal, shown: CallShown): void {
  const { call, verdict, entry } = shown
  terminal.line(
    `Call ${call.id}${call.callRef === null ? '' : ` (${call.callRef})`} of portal ${call.portalId}: ${shown.answer.sentence}`,
  )
  if (shown.answer.mend !== null) terminal.line(`  ${shown.answer.mend}`)
  for (const flag of shown.flags) {
    terminal.line(`  ${flag.class}: ${flag.title}.`)
    terminal.line(`    ${flag.mend}`)
  }
  if (shown.ticket !== null) {
    terminal.line('  A text for the ticket:')
    for (const line of shown.ticket.split('\n')) terminal.line(`    ${line}`)
  }
  if (verdict !== null && entry === null && typeof verdict.quality === 'string') {
    terminal.line(`  Verdict: ${verdict.quality} (${verdict.score}/100). ${verdict.reason ?? ''}`)
  }
  if (entry === null) return
  const { entity } = entry
  const place =
    entity === null
      ? 'a CRM record (the call belongs to none yet)'
      : `${entityWords[entity.typeId] ?? `entity ${entity.typeId}`} ${entity.id}`
  terminal.line()
  terminal.line(
    entry.state === 'observed'
      ? `The entry that would be written to ${place}:`
      : `The entry of ${place}${entry.externalId === null ? '' : ` (id ${entry.externalId})`}:`,
  )
  terminal.line(`  ${terminal.paint('bold', entry.title)}`)
  for (const line of entry.text.split('\n')) terminal.line(`  ${line}`)
  for (const { kind, state, why, on } of shown.followUps) {
    const what = `${followUpWords[kind] ?? kind}${on.length === 0 ? '' : ` (${on.join(', ')})`}`
    terminal.line(`${what}: ${state}${why === null ? '' : `, ${why.replaceAll('_', ' ')}`}`)
  }
}

/** 1 when the call is parked: it needs a person. */
export function exitCodeOfCall(shown: CallShown): number {
  return shown.run?.state === 'parked' ? exitCodes.failed : exitCodes.ok
}
