/** SQLSTATE classes of a server that is away, starting, stopping, out of means, or that ended a ring of waiting transactions. */
const passingStates = /^(08|53|57P0|57014|58|40001|40P01)/
const passingCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])
/** node-postgres gives these no code. */
const passingTexts =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered a connection error|was closed))/

/**
 * Did this fail because the database could not be asked just now? Such an error says nothing about the step or the row: the same
 * statement will do later. Everything the steps ask of others is classified by its client, so what comes here bare is the record's.
 */
export function isRecordAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return passingCodes.has(code) || passingStates.test(code) || passingTexts.test(error.message)
}
