/** What the program's exit code says, after sysexits.h where that has a word for it. */
export const exitCodes = {
  ok: 0,
  /** What was asked for was tried, and failed. */
  failed: 1,
  /** The command line could not be understood. */
  usage: 64,
  /** What was given to be read is not what it should be, such as a backup that is none. */
  badData: 65,
  /** What was named is not known here. */
  notFound: 66,
  /** The upstream, the record or the running service does not answer. */
  unavailable: 69,
  /** Somebody asked us to wait: the same command may do later. */
  tryLater: 75,
  /** Something must be configured first. */
  configuration: 78,
} as const

export const exitCodesHelp = `Exit codes: 0 done · 1 what was asked for failed · 64 wrong usage · 65 bad data · 66 not known
            69 upstream, record or service not available · 75 try again later · 78 configuration`
