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
    // Else `call` takes what is meant for its verbs, such as the --json of `call show`: both know an option of that name.
    .enablePositionalOptions()
    .exitOverride()
  for (const add of verbs) add(program, terminal)
  try {
    await program.parseAsync(verboseFirst(argv))
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said it already; `--help` and `--version` come this way too.
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
      return
    }
    process.exitCode = printFailure(terminal, error, program.opts()['verbose'] === true)
  }
}

/** `--verbose` is the program's own, and people write it last. */
function verboseFirst(argv: readonly string[]): string[] {
  const [node = '', script = '', ...args] = argv
  const rest = args.filter((arg) => arg !== '--verbose')
  return [node, script, ...(rest.length < args.length ? ['--verbose'] : []), ...rest]
}
