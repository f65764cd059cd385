// npm run faults [-- F01 F02 …] [--ours] [--naive] [--page]: runs faults one after the other, prints the table, writes docs/reliability.md.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { openBed, type Subject } from './harness/bed.ts'
import type { Fault } from './harness/fault.ts'
import { renderPage, renderTable } from './harness/report.ts'
import { isAsExpected, keepResult, type Result, type Run, readResults, readSitting } from './harness/results.ts'
import { faultScale } from './harness/scale.ts'
import { beginWatch } from './harness/verdict.ts'
import { faults } from './table.ts'

// What was started is ended, and what was mounted let go, by way of `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const args = process.argv.slice(2)
const named = args.filter((arg) => /^F\d\d$/.test(arg))
const wanted = named.length === 0 ? faults : faults.filter((fault) => named.includes(fault.id))
const page = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url))
const say = (text: string) => void process.stdout.write(`${text}\n`)

async function runOne(fault: Fault, subject: Subject): Promise<Run> {
  const startedAt = performance.now()
  const seconds = () => Math.round((performance.now() - startedAt) / 1000)
  const nothing = { I1: null, I2: null, I3: null, I4: null, I5: null, I6: null, I7: null }
  const empty = { expected: 0, lost: 0, duplicated: 0, invariants: nothing, logLinesPerSecond: 0, peakMb: 0 }
  try {
    const bed = await openBed(subject, fault.bed?.(subject))
    try {
      await beginWatch(bed)
      return { ...(await fault.run(bed)), seconds: seconds(), failed: null }
    } finally {
      await bed.close()
    }
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error)
    return { verdict: empty, recoveryMs: null, notes: [], broken: [], seconds: seconds(), failed }
  }
}

const known = readResults()
const begunAt = performance.now()
if (!args.includes('--page')) {
  for (const fault of wanted) {
    const before = known.get(fault.id)
    const missing = fault.missing?.() ?? null
    if (missing !== null) say(`!!!! ${fault.id} NOT RUN: ${missing} !!!!`)
    const both = !args.includes('--ours') && !args.includes('--naive')
    const runOurs = async () => {
      if (missing !== null) return null
      return both || args.includes('--ours') ? await runOne(fault, 'callsift') : (before?.ours ?? null)
    }
    const runNaive = async () => {
      if (fault.naive !== true) return fault.naive
      if (missing !== null) return null
      return both || args.includes('--naive') ? await runOne(fault, 'naive') : (before?.naive ?? null)
    }
    const first = runOurs()
    if (fault.sideBySide !== true) await first
    const [ours, other] = await Promise.all([first, runNaive()])
    const { id, injected, expected } = fault
    const machine = `${cpus().length} cores, node ${process.version}`
    const result: Result = {
      id,
      injected,
      expected,
      at: new Date().toISOString(),
      scale: faultScale,
      machine,
      ours,
      naive: other,
      missing,
    }
    keepResult(result)
    known.set(id, result)
    const mark = missing !== null ? 'NOT RUN' : isAsExpected(ours) ? 'as expected' : 'NOT AS EXPECTED'
    say(`${id} ${mark} (${ours?.seconds ?? 0} s)  ${ours?.notes.join('; ') ?? ''}`)
    if (ours !== null && !isAsExpected(ours)) say(JSON.stringify({ ...ours, notes: undefined }, null, 1))
    if (other !== null && typeof other !== 'string') {
      const { verdict } = other
      say(
        `    naive (${other.seconds} s): ${other.failed ?? `${verdict.lost} lost, ${verdict.duplicated} duplicated of ${verdict.expected}`}`,
      )
    }
  }
}
const results = faults.flatMap((fault) => known.get(fault.id) ?? [])
say(`\n${renderTable(results)}\n`)
writeFileSync(
  page,
  renderPage(
    results,
    faults.map((fault) => fault.id),
    { simulation: readSitting('simulation'), soak: readSitting('soak') },
  ),
)
const good = results.filter((one) => isAsExpected(one.ours)).length
const minutes = ((performance.now() - begunAt) / 60_000).toFixed(1)
say(`${good} of ${faults.length} as expected, after ${minutes} min; docs/reliability.md is written.`)
process.exitCode = wanted.every((fault) => isAsExpected(known.get(fault.id)?.ours ?? null)) ? 0 : 1
process.exit()
