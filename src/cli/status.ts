import type { Command } from 'commander'
import { z } from 'zod'
import { exitCodes } from './exit-codes.ts'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable, showDuration, showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const SpentShape = z.looseObject({
  minutes: z.number(),
  minutesSetAside: z.number(),
  capMinutes: z.number().nullable(),
  cost: z.number(),
  costSetAside: z.number(),
  capCost: z.number().nullable(),
})

const Status = z.looseObject({
  ok: z.boolean(),
  alarms: z.array(z.string()),
  mode: z.string(),
  record: z.string(),
  queue: z.looseObject({ kind: z.string(), answers: z.boolean() }),
  observed: z.array(z.string()),
  workers: z.array(z.looseObject({ id: z.string(), queues: z.string(), heardMsAgo: z.number(), alive: z.boolean() })),
  runs: z.looseObject({ running: z.number(), done: z.number(), parked: z.number(), cancelled: z.number() }),
  batches: z.array(
    z.looseObject({
      id: z.string(),
      workflow: z.string(),
      portalId: z.string(),
      state: z.string(),
      paused: z.boolean(),
      runs: z.number(),
      openRuns: z.number(),
    }),
  ),
  causes: z.array(
    z.looseObject({
      class: z.string(),
      state: z.string(),
      runs: z.number(),
      sentence: z.string(),
      mend: z.string().nullable(),
      nextDueAt: z.string().nullable(),
    }),
  ),
  gates: z.array(
    z.looseObject({
      keyId: z.string(),
      name: z.string(),
      message: z.string(),
      hint: z.string().nullable(),
      opensInMs: z.number().nullable(),
      waiting: z.number(),
    }),
  ),
  portals: z.array(
    z.looseObject({ id: z.string(), name: z.string(), writeEnabled: z.boolean(), lastEventAt: z.string().nullable() }),
  ),
  oldest: z.looseObject({ callId: z.string(), ageMs: z.number() }).nullable(),
  entriesToday: z.number(),
  spent: z.array(z.looseObject({ portalId: z.string(), currency: z.string(), day: SpentShape, month: SpentShape })),
})
type Status = z.output<typeof Status>

export function addStatus(program: Command, terminal: Terminal): void {
  const command = program
    .command('status')
    .summary('is everything alright, and what waits for whom')
    .description('Tells what runs, what waits and why, and what needs a person. Exit code 1 when something does.')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift status', 'callsift status --json | jq .alarms'])
  command.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const status = await withOperations(config, log, async (operations) => {
      const read = await operations.ask('status', {}, Status)
      // Nobody owns the record but this command: there is a service to be started, not a worker missing.
      if (operations.app === null || config.hasDatabase) return read
      return {
        ...read,
        alarms: read.alarms.map((alarm) =>
          alarm.startsWith('No worker') ? 'Callsift is not running on this folder: start `callsift serve`.' : alarm,
        ),
      }
    })
    if (options.json === true) terminal.json(status)
    else printStatus(terminal, status)
    process.exitCode = status.ok ? exitCodes.ok : exitCodes.failed
  })
}

function printStatus(terminal: Terminal, status: Status): void {
  const { runs } = status
  if (status.mode !== 'live') terminal.line(terminal.paint('yellow', 'SANDBOX: nothing here is real.'))
  if (status.ok) terminal.line(terminal.paint('green', 'Everything is alright.'))
  for (const alarm of status.alarms) terminal.line(`${terminal.paint('red', '!')} ${alarm}`)
  terminal.line()
  terminal.line(
    `Calls    ${runs.running} under way, ${runs.done} done, ${runs.parked} parked, ${runs.cancelled} cancelled; ${status.entriesToday} entries written today (UTC)`,
  )
  for (const batch of status.batches)
    terminal.line(
      `Batch    ${batch.id} ${batch.workflow} of ${batch.portalId}: ${batch.state === 'running' && batch.paused ? 'paused' : batch.state}, ${batch.runs - batch.openRuns} of ${batch.runs} runs ended`,
    )
  if (status.oldest !== null)
    terminal.line(`Oldest   call ${status.oldest.callId}, under way for ${showDuration(status.oldest.ageMs)}`)
  terminal.line(
    `Stores   record ${status.record}, queue ${status.queue.kind}${status.queue.answers ? '' : terminal.paint('red', ' (does not answer)')}`,
  )
  const alive = status.workers.filter((worker) => worker.alive)
  terminal.line(`Workers  ${alive.length === 0 ? 'none alive' : alive.map((worker) => worker.id).join(', ')}`)
  for (const portal of status.portals) {
    const observed = status.observed.includes(portal.id)
    terminal.line(
      `Portal   ${portal.id} (${portal.name}): ${observed ? 'OBSERVE mode, nothing is written' : 'writes'}; last event ${showTime(portal.lastEventAt)}`,
    )
  }
  for (const { portalId, currency, day, month } of status.spent) {
    if (
      month.minutes + month.minutesSetAside + month.cost === 0 &&
      [month.capMinutes, day.capMinutes, month.capCost, day.capCost].every((cap) => cap === null)
    )
      continue
    terminal.line(`Spent    ${portalId}: today ${showSpent(day, currency)}; this month ${showSpent(month, currency)}`)
  }
  printCauses(terminal, status)
}

function showSpent(spent: z.output<typeof SpentShape>, currency: string): string {
  const of = (cap: number | null) => (cap === null ? '' : ` of ${cap}`)
  const minutes = `${(spent.minutes + spent.minutesSetAside).toFixed(1)}${of(spent.capMinutes)} min`
  const cost = spent.cost + spent.costSetAside
  return cost === 0 && spent.capCost === null
    ? minutes
    : `${minutes}, ${cost.toFixed(2)}${of(spent.capCost)} ${currency}`
}

function printCauses(terminal: Terminal, status: Status): void {
  for (const gate of status.gates) {
    const until = gate.opensInMs === null ? 'until its cause is mended' : `for ${showDuration(gate.opensInMs)}`
    terminal.line()
    terminal.line(
      `${terminal.paint('yellow', 'Closed')}   ${gate.name} of key ${gate.keyId.slice(0, 8)}, ${until}; ${gate.waiting} steps wait: ${gate.message}`,
    )
    if (gate.hint !== null) terminal.line(`         ${gate.hint}`)
  }
  if (status.causes.length === 0) return
  terminal.line()
  const rows = status.causes.map((cause) => [
    cause.state,
    String(cause.runs),
    `${cause.sentence}${cause.nextDueAt === null ? '' : ` (again at ${showTime(cause.nextDueAt)})`}${cause.mend === null ? '' : ` ${terminal.paint('dim', cause.mend)}`}`,
  ])
  printTable(terminal, ['STATE', 'RUNS', 'WHY, AND WHAT MENDS IT'], rows)
}
