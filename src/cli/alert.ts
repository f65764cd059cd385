import type { Command } from 'commander'
import { z } from 'zod'
import { exitCodes } from './exit-codes.ts'
import { withOperations } from './operations.ts'
import { readSettings, wholeNumber, withExamples } from './options.ts'
import { showTime } from './table.ts'
import type { Terminal } from './terminal.ts'

const Listed = z.object({
  alerts: z.array(
    z.looseObject({
      id: z.string(),
      sentence: z.string(),
      mend: z.string(),
      openedAt: z.string(),
      recoveredAt: z.string().nullable(),
      messages: z.array(
        z.looseObject({
          phase: z.string(),
          channel: z.string(),
          tries: z.number(),
          notifiedAt: z.string().nullable(),
          lastAnswer: z.string().nullable(),
        }),
      ),
    }),
  ),
  nextCursor: z.string().nullable(),
})

const Tested = z.object({
  ok: z.boolean(),
  sent: z.array(z.object({ channel: z.string(), arrived: z.boolean(), answer: z.string() })),
})

export function addAlert(program: Command, terminal: Terminal): void {
  const alert = program
    .command('alert')
    .summary('what people were told of, and a test that they would be')
    .description(
      'One message for each cause and one for its end, to CALLSIFT_ALERT_URL and to the bots of portals (`portal set <id> alertBot=BOT/DIALOG`).',
    )
  addList(alert, terminal)
  addTest(alert, terminal)
}

function addList(alert: Command, terminal: Terminal): void {
  const command = alert
    .command('list')
    .description('Lists the standing alerts, with what mends them and whether they could be told.')
    .option('--all', 'also those that are over')
    .option('--limit <number>', 'so many', wholeNumber(1, 200), 50)
    .option('--cursor <id>', 'go on after the last page')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift alert list', 'callsift alert list --all --json'])
  command.action(async (options: { all?: boolean; limit: number; cursor?: string; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const { json, ...input } = options
    const answer = await withOperations(config, log, (operations) => operations.ask('alert.list', input, Listed))
    if (json === true) return terminal.json(answer)
    if (answer.alerts.length === 0) return terminal.line('No alert stands.')
    for (const one of answer.alerts) {
      const over = one.recoveredAt === null ? terminal.paint('red', 'stands') : `over ${showTime(one.recoveredAt)}`
      terminal.line(`${showTime(one.openedAt)}  ${over}  ${one.sentence}`)
      if (one.recoveredAt === null) terminal.line(`  ${one.mend}`)
      for (const message of one.messages.filter((each) => each.notifiedAt === null)) {
        terminal.line(
          `  ${message.channel} does not know of it yet (${message.phase}, ${message.tries} tries): ${message.lastAnswer ?? 'on its way'}`,
        )
      }
    }
    if (answer.nextCursor !== null) terminal.note(`More: --cursor ${answer.nextCursor}`)
  })
}

function addTest(alert: Command, terminal: Terminal): void {
  const command = alert
    .command('test')
    .description('Sends a test alert to every channel and says what came back. Exit code 1 when one did not arrive.')
    .option('--portal <id>', "of the bots, only this portal's")
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift alert test', 'callsift alert test --portal acme'])
  command.action(async (options: { portal?: string; json?: boolean }) => {
    const { config, log } = readSettings(command, true)
    const answer = await withOperations(config, log, (operations) =>
      operations.ask('alert.test', { portalId: options.portal }, Tested),
    )
    if (options.json === true) terminal.json(answer)
    else {
      for (const one of answer.sent) {
        const mark = one.arrived ? terminal.paint('green', 'ok  ') : terminal.paint('red', 'FAIL')
        terminal.line(`${mark} ${one.channel}: ${one.answer}`)
      }
    }
    process.exitCode = answer.ok ? exitCodes.ok : exitCodes.failed
  })
}
