import { isAsExpected, type Result, type Run, type Sitting } from './results.ts'
import { invariantNames } from './verdict.ts'

const recovery = (run: Run) => (run.recoveryMs === null ? '' : `${(run.recoveryMs / 1000).toFixed(1)} s`)

function held(run: Run): string {
  if (run.failed !== null) return 'not carried through'
  const broken = invariantNames.filter((name) => run.verdict.invariants[name] !== null)
  return broken.length === 0 ? 'I1 to I7' : `broken: ${broken.join(', ')}`
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A row of the table: what was injected, what held, ours beside the naive pipeline. */
function row(result: Result): string {
  const { ours, naive } = result
  const verdict = result.missing !== null ? 'NOT RUN' : isAsExpected(ours) ? 'as expected' : 'NOT as expected'
  const mine =
    ours === null
      ? ['', '', '', '']
      : [
          held(ours),
          `${ours.verdict.lost} / ${ours.verdict.duplicated}`,
          recovery(ours),
          ours.verdict.logLinesPerSecond.toFixed(1),
        ]
  const other =
    naive === null || typeof naive === 'string'
      ? ['', '', '']
      : naive.failed !== null
        ? ['did not end', '', '']
        : [
            `${naive.verdict.lost} / ${naive.verdict.duplicated} of ${naive.verdict.expected}`,
            recovery(naive),
            naive.verdict.logLinesPerSecond.toFixed(1),
          ]
  const cells = [result.id, result.injected, verdict, ...mine, ...other].map(cell)
  return `| ${cells.join(' | ')} |`
}

export const tableHead = [
  '| id | injected | result | invariants held | ours: lost / duplicated | recovery | log lines/s | naive: lost / duplicated | recovery | log lines/s |',
  '|---|---|---|---|---|---:|---:|---|---:|---:|',
]

export function renderTable(results: readonly Result[]): string {
  return [...tableHead, ...results.map(row)].join('\n')
}

function detail(result: Result): string {
  const lines = [`**${result.id}** ${result.expected}.`]
  if (result.missing !== null) return `${lines[0]} NOT RUN: ${result.missing}.`
  const { ours, naive } = result
  if (ours !== null) {
    if (ours.notes.length > 0) lines.push(`Seen: ${ours.notes.join('; ')}.`)
    if (ours.failed !== null) lines.push(`Not carried through: ${ours.failed}.`)
    for (const sentence of ours.broken) lines.push(`NOT kept: ${sentence}.`)
    for (const name of invariantNames) {
      const broken = ours.verdict.invariants[name]
      if (broken !== null) lines.push(`${name} broken: ${broken}.`)
    }
  }
  if (typeof naive === 'string') lines.push(`Naive: not tried (${naive}).`)
  else if (naive !== null && naive.failed !== null) lines.push(`Naive: ${naive.failed}.`)
  else if (naive !== null && naive.notes.length > 0) lines.push(`Naive: ${naive.notes.join('; ')}.`)
  return lines.join(' ').replaceAll('\n', ' ').slice(0, 1_600)
}

function told(sitting: Sitting | null, command: string): string {
  if (sitting === null) return `Not run yet: \`${command}\`.`
  return `${sitting.at.slice(0, 10)}: ${sitting.lines.map((line) => line.replaceAll(/\s*\n\s*/g, ' ').slice(0, 300)).join('. ')}.`
}

/** docs/reliability.md, whole, from what was run. */
export function renderPage(
  results: readonly Result[],
  all: readonly string[],
  sittings: { simulation: Sitting | null; soak: Sitting | null },
): string {
  const good = results.filter((one) => isAsExpected(one.ours)).length
  const notRun = all.filter((id) => !results.some((one) => one.id === id))
  const days = [...new Set(results.map((one) => one.at.slice(0, 10)))].join(', ')
  const scales = [...new Set(results.map((one) => one.scale))].join(', ')
  const machines = [...new Set(results.map((one) => one.machine))].join('; ')
  return `# Reliability: what was done to it, and what came of it

Written by \`npm run faults\`; never by hand. Run ${days} on ${machines}. ${good} of ${all.length} faults ended as expected;
${notRun.length === 0 ? 'all faults were run' : `NOT RUN yet: ${notRun.join(', ')}`}. A column of the naive pipeline that is empty was not run either.

Each fault runs the compiled program as a user would (\`serve\`, two \`work\`, Redis with its append-only file, Postgres, the sandbox as upstream),
injects one fault, heals it, and holds what the upstream's own list says against what was promised. Durations of faults and of the program
are at ${scales} of the true ones, except F01 and F02, which run at the true ones. Beside it the same harness runs a naive pipeline
(\`test/faults/baseline\`): five BullMQ queues in a chain with \`attempts\` and backoff, and p-retry; no record, no fence, no gates. Its lost calls
are those it had answered with 200 and that have no entry once nothing comes any more.

I1 every event answered 200 has one ending. I2 one entry for a call that is written, none otherwise. I3 nothing paid is bought again after its
result was stored. I4 no request while its key is told to wait (one that had its permit when the refusal came may cross it). I5 no key, token or word of a call in logs, Redis or metrics. I6 processes live,
within 300 MB (\`serve\`) and 400 MB (\`work\`), loop p99 below 100 ms (times what the
process had to wait for a processor), at most 20 log lines a second. I7 after the heal all drains with nobody's
help, except where the row says parked.

Log lines are those of the process that writes most, in its busiest ten seconds.

${renderTable(results)}

## The protocol under a scheduler

\`npm run simulate\` runs claim, execute, finish, effects, lease, heartbeat and sweep as they ship, over PGlite with its real migrations and functions, on
a clock of the test's own. fast-check's scheduler decides which process takes its next step; processes end for good, freeze, or do not hear
the answer of the record at any await; jobs are lost or come twice; the upstream applies and lies. After each step: no entry twice, nothing
bought again after its result was stored; at the end: every call one entry. What it is not: PGlite has one session, so a transaction is one
step and two of them never interleave (contract tests on real Postgres and the kills above are for that); the dispatcher's windows, gates
and pacing, and the queue itself are a list in the test.

${told(sittings.simulation, 'npm run simulate')}

## Chaos soak

\`npm run soak\`: 5,000 calls while Redis, Postgres and a worker are each killed every 5 to 10 s, and the upstream answers about a fifth of its
requests badly (502, 429, resets, slow, applied and lost).

${told(sittings.soak, 'npm run soak')}

## Row by row

${results.map(detail).join('\n\n')}
`
}
