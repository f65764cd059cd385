import { createHash } from 'node:crypto'
import {
  BackupHead,
  BackupTable,
  BackupTail,
  backupFormat,
  controlMark,
  cutOff,
  damaged,
  foreign,
} from './backup-format.ts'

/** A row is at most a chunk of a recording in base64, or a long transcript. */
const maxLineBytes = 64 * 1024 * 1024
/** The head is short: what has no line end by here is no backup. */
const maxHeadBytes = 16 * 1024

export type BackupLine =
  | { readonly kind: 'head'; readonly head: BackupHead }
  | { readonly kind: 'table'; readonly table: BackupTable }
  /** The row's JSON as it stands in the file. */
  | { readonly kind: 'row'; readonly json: string }

/**
 * Reads a backup line by line; ends only when its tail was there and agreed. Throws `BadBackup` on whatever is foreign, cut off,
 * damaged or of an unknown format: so whoever reads inside a transaction rolls back.
 */
export async function* readBackup(source: AsyncIterable<Buffer>): AsyncGenerator<BackupLine> {
  const hash = createHash('sha256')
  let rows = 0
  let headSeen = false
  let ended = false
  for await (const bytes of splitLines(source, () => (headSeen ? maxLineBytes : maxHeadBytes))) {
    if (ended) throw damaged('something stands after its end')
    const text = bytes.toString('utf8')
    if (!headSeen) {
      yield { kind: 'head', head: readHead(text) }
      headSeen = true
      hash.update(bytes)
    } else if (!text.startsWith(controlMark)) {
      rows += 1
      hash.update(bytes)
      yield { kind: 'row', json: text.trimEnd() }
    } else {
      const value = parse(text)
      const tail = BackupTail.safeParse(value)
      if (tail.success) {
        if (tail.data.rows !== rows || tail.data.sha256 !== hash.digest('hex'))
          throw damaged('its checksum does not fit what it holds')
        ended = true
        continue
      }
      const table = BackupTable.safeParse(value)
      if (!table.success) throw damaged('a line can not be read')
      hash.update(bytes)
      yield { kind: 'table', table: table.data }
    }
  }
  if (!headSeen) throw foreign()
  if (!ended) throw cutOff()
}

function readHead(text: string): BackupHead {
  if (!text.startsWith(controlMark)) throw foreign()
  const value = parse(text)
  const format = typeof value === 'object' && value !== null && 'format' in value ? Number(value.format) : Number.NaN
  if (format > backupFormat) {
    throw damaged(`it is of format ${format} and this release reads up to ${backupFormat}; a newer release can read it`)
  }
  const head = BackupHead.safeParse(value)
  if (!head.success) throw foreign()
  return head.data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw text.endsWith('\n') ? damaged('a line can not be read') : cutOff()
  }
}

/** Each line with its end. A last piece without one is handed out too: what it is, its reader says. */
async function* splitLines(source: AsyncIterable<Buffer>, limit: () => number): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const piece of source) {
    let from = 0
    for (let end = piece.indexOf(0x0a); end !== -1; end = piece.indexOf(0x0a, from)) {
      const rest = piece.subarray(from, end + 1)
      yield held.length === 0 ? rest : Buffer.concat([...held, rest])
      held = []
      heldBytes = 0
      from = end + 1
    }
    if (from < piece.length) {
      held.push(piece.subarray(from))
      heldBytes += piece.length - from
    }
    if (heldBytes > limit()) throw limit() === maxHeadBytes ? foreign() : damaged('a line is too long')
  }
  if (heldBytes > 0) yield Buffer.concat(held)
}
