import { type Command, InvalidArgumentError } from 'commander'
import { type Config, loadConfig } from '../config.ts'
import { createLog, type Log } from '../log.ts'

/** Reads an option's value as a whole number within limits. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`Give a whole number from ${minimum} to ${maximum}.`)
    }
    return value
  }
}

export function commaList(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

/** What `--help` ends with. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
}

/** The settings a verb works with, and its log. `quiet`: short verbs log only what they must, so that their answer stays readable. */
export function readSettings(command: Command, quiet: boolean): { config: Config; log: Log } {
  const config = loadConfig()
  const verbose = command.optsWithGlobals()['verbose'] === true
  const level = verbose ? 'debug' : quiet && config.logLevel === 'info' ? 'error' : config.logLevel
  return { config: { ...config, logLevel: level }, log: createLog(level) }
}
