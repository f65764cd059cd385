import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'

async function question(text: string, hidden: boolean): Promise<string> {
  // Asked on stderr, so that stdout stays the command's own answer even while a person is asked.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (hidden) process.stderr.write(text)
  const lines = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: true })
  const cancelled = new Promise<never>((_resolve, reject) => {
    const give = () => reject(new UsageError('Cancelled; nothing was changed.', { exitCode: exitCodes.failed }))
    lines.once('SIGINT', give)
    lines.once('close', give)
  })
  try {
    return (await Promise.race([lines.question(hidden ? '' : text), cancelled])).trim()
  } finally {
    cancelled.catch(() => undefined)
    lines.close()
    if (hidden) process.stderr.write('\n')
  }
}

/** Asks until something is answered, unless `fallback` says what no answer means. */
export async function askText(text: string, fallback?: string): Promise<string> {
  for (;;) {
    const answer = await question(
      fallback === undefined || fallback === '' ? `${text}: ` : `${text} [${fallback}]: `,
      false,
    )
    if (answer !== '') return answer
    if (fallback !== undefined) return fallback
  }
}

/** The same, without showing what is typed. */
export async function askHidden(text: string, options: { optional?: boolean } = {}): Promise<string> {
  for (;;) {
    const answer = await question(`${text} (not shown): `, true)
    if (answer !== '' || options.optional === true) return answer
  }
}

export async function askYes(text: string): Promise<boolean> {
  return /^(y|yes|д|да)$/i.test(await question(`${text} [y/N]: `, false))
}
