import { Command, CommanderError } from 'commander'
import { programVersion } from '../version.ts'
import { exitCodes, exitCodesHelp } from './exit-codes.ts'
import { printFailure } from './print-failure.ts'
import { openTerminal } from './terminal.ts'
import { verbs } from './verbs.ts'

/**
 * Runs one command. Never calls process.exit(): the exit code is set, and the process ends when nothing is left to do,
 * so that what was written is flushed and what was opened is closed.
 */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const terminal = openTerminal(process.stdout, process.stderr, process.stdin)
  const program = new Command('callsift')
    .description('Every sales call in Bitrix24 transcribed, judged and written to the CRM timeline.')
    .version(programVersion)
    .option('--verbose', 'log in detail, and show the stack of an error')
    .addHelpText('after', `\n${exitCodesHelp}\n\nBegin with: callsift demo`)
    .showHelpAfterError('(try --help)')
    .exitOverride()
  for (const add of verbs) add(program, terminal)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said it already; `--help` and `--version` come this way too.
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
      return
    }
    process.exitCode = printFailure(terminal, error, program.opts()['verbose'] === true)
  }
}
