import { createHash } from 'node:crypto'

/** Under what name the WAV that ffmpeg made of a recording lies in the cache of recordings. */
export function recodedName(sha256: string): string {
  return createHash('sha256').update(`${sha256} recoded`).digest('hex')
}
