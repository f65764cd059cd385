import type { Command } from 'commander'
import { z } from 'zod'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import type { Terminal } from './terminal.ts'

const Rotated = z.object({ resealed: z.number(), current: z.number(), key: z.string() })

export function addKey(program: Command, terminal: Terminal): void {
  const key = program
    .command('key')
    .summary('the secret key that seals the stored API keys')
    .description(
      'The secret key seals the API keys of portals. It stands in CALLSIFT_SECRET_KEY, or in the data folder.',
    )
  const rotate = key
    .command('rotate')
    .description(
      'Seals everything with a new key, while the service works on. The key of the data folder is made anew. One from the environment is changed by you first: the new one in CALLSIFT_SECRET_KEY, the one before in CALLSIFT_SECRET_KEY_PREVIOUS, in all processes; when this has run, remove the one before.',
    )
    .option('--json', 'answer as JSON')
  withExamples(rotate, ['callsift key rotate'])
  rotate.action(async (options: { json?: boolean }) => {
    const { config, log } = readSettings(rotate, true)
    const report = await withOperations(config, log, (operations) => operations.ask('key.rotate', {}, Rotated))
    if (options.json === true) return terminal.json(report)
    terminal.line(`${report.resealed} secrets were sealed anew; ${report.current} stand under ${report.key}.`)
    if (report.key !== 'secret.key') terminal.line('Remove CALLSIFT_SECRET_KEY_PREVIOUS: it opens nothing any more.')
  })
}
