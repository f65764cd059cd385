import { z } from 'zod'
import { UsageError } from '../errors.ts'

/*
 * A backup is text, a JSON value a line: the head, then of each table a line that names its columns and after it its rows, then the
 * tail, which counts the rows and holds the SHA-256 of every byte before it. A file without its tail was cut off.
 */

export const backupFormat = 1

export const BackupHead = z.object({
  callsift: z.literal('backup'),
  format: z.number().int(),
  /** Schema level of the record it was taken from. */
  level: z.number().int(),
  program: z.string(),
  source: z.enum(['postgres', 'pglite']),
  /** By the clock of the database: everything written before stands in the file. */
  takenAt: z.iso.datetime({ offset: true }),
  /** Only where it was asked for. With it the file opens the portals' API keys. */
  secretKey: z.string().optional(),
})
export type BackupHead = z.output<typeof BackupHead>

export const BackupTable = z.object({
  callsift: z.literal('table'),
  name: z.string(),
  columns: z.array(z.string()).min(1),
  /** The last number given, also to rows that are gone: a number that was used is not given again. */
  lastNumber: z.string().nullable(),
})
export type BackupTable = z.output<typeof BackupTable>

export const BackupTail = z.object({ callsift: z.literal('end'), rows: z.number().int(), sha256: z.string() })

/** How every line begins that is not a row. No table has a column of this name. */
export const controlMark = '{"callsift":'

/** What is wrong with a file; nothing was changed. Exit 65 as sysexits.h has it for bad data. */
export class BadBackup extends UsageError {
  override name = 'BadBackup'
  constructor(message: string, hint: string) {
    super(message, { hint, exitCode: 65 })
  }
}

export const cutOff = () =>
  new BadBackup(
    'The file ends before its last line: it was cut off. Nothing was changed.',
    'Take the backup again, or copy the file again.',
  )

export const foreign = () =>
  new BadBackup(
    'This is no backup of Callsift. Nothing was changed.',
    'Give a file that `callsift export` has written (unpacked, where it was packed).',
  )

export const damaged = (what: string) =>
  new BadBackup(
    `The file is damaged: ${what}. Nothing was changed.`,
    'Use another copy of the backup: this one was changed after it was written.',
  )
