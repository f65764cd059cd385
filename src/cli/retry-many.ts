import { z } from 'zod'
import type { Config } from '../config.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { askYes } from './ask.ts'
import { exitCodes } from './exit-codes.ts'
import { withOperations } from './operations.ts'
import type { Terminal } from './terminal.ts'

const Plan = z.object({
  retryId: z.string().nullable(),
  matched: z.number(),
  accepted: z.number(),
  skipped: z.record(z.string(), z.number()),
  paid: z.object({ again: z.array(z.string()), ifChanged: z.array(z.string()) }),
})

export interface ManyOptions {
  readonly cause?: string
  readonly from?: string
  readonly portal?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** `callsift retry --cause … [--from …]`: counts first, says what is paid again, asks, and leaves the rest to the service. */
export async function retryMany(terminal: Terminal, config: Config, log: Log, options: ManyOptions): Promise<void> {
  await withOperations(config, log, async (operations) => {
    const filter = { status: 'parked', cause: options.cause, portal: options.portal }
    const input = { filter, ...(options.from === undefined ? {} : { from: options.from }) }
    const plan = await operations.ask('retry.start', { ...input, dryRun: true }, Plan)
    if (options.dryRun === true && options.json === true) return terminal.json(plan)
    terminal.note(`${plan.matched} calls match, ${plan.accepted} would be retried.`)
    const paid = [...plan.paid.again, ...plan.paid.ifChanged]
    terminal.note(
      paid.length === 0 ? 'Nothing that succeeded is paid again.' : `May be paid again: ${paid.join(', ')}.`,
    )
    if (options.dryRun === true || plan.accepted === 0) return
    if (options.yes !== true) {
      if (!terminal.interactive)
        throw new UsageError('Many calls would be retried, and nobody is there to ask.', { hint: 'Add --yes.' })
      if (!(await askYes(`Retry ${plan.accepted} calls?`))) {
        process.exitCode = exitCodes.failed
        return terminal.line('Nothing was changed.')
      }
    }
    const started = await operations.ask('retry.start', input, Plan)
    if (options.json === true) return terminal.json(started)
    terminal.line(
      `Retry ${started.retryId} of ${started.accepted} calls has begun; the page Batches shows how far it is.`,
    )
  })
}
