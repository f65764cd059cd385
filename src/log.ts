import { type DestinationStream, type Logger, pino } from 'pino'
import { sampleLines } from './sample-lines.ts'
import { scrubLine } from './scrub-secrets.ts'

export type Log = Logger

const everything = new Set(['trace', 'debug'])

/**
 * JSON lines on stderr, so that stdout stays the command's own answer. Ids and classes only: no bodies, no phones, no keys.
 * Two nets: pino's paths know a few names of fields; the second reads the finished line and knows values, wherever they stand in it.
 */
export function createLog(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ['apiKey', '*.apiKey', 'token', '*.token', 'headers.authorization', 'headers["x-api-key"]'],
        censor: '[sealed]',
      },
      // Whoever asks for everything gets everything.
      hooks: { streamWrite: scrubLine, ...(everything.has(level) ? {} : { logMethod: sampleLines() }) },
    },
    destination,
  )
}
