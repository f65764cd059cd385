import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { shipped } from '../shipped.ts'

const Segment = z.object({
  speaker: z.enum(['agent', 'customer']),
  /** Seconds from the beginning of the recording. */
  start: z.number(),
  end: z.number(),
  text: z.string(),
})

const IndexEntry = z.object({
  id: z.string(),
  file: z.string().regex(/^[a-z0-9-]+\.(mp3|wav)$/),
  language: z.enum(['ru', 'en']),
  channels: z.union([z.literal(1), z.literal(2)]),
  durationSeconds: z.number(),
  direction: z.enum(['in', 'out']),
  phone: z.string(),
  title: z.string(),
  words: z.string(),
  segments: z.array(Segment),
  frameSeconds: z.number(),
  /** Hashes of all frames, `HASH_DIGITS` hex digits each, run together. */
  frames: z.string(),
})

export const RecordingIndex = z.array(IndexEntry)
export type RecordingEntry = z.infer<typeof IndexEntry>
export type RecordingSegment = z.infer<typeof Segment>

/** One of the sandbox's spoken calls, with its true words. */
export interface Recording extends RecordingEntry {
  bytes(): Promise<Buffer>
}

/** All recordings of the sandbox; their bytes are read only when asked for. */
export async function loadRecordings(): Promise<Recording[]> {
  const folder = shipped('src/sandbox/recordings/')
  const index = RecordingIndex.parse(JSON.parse(await readFile(new URL('index.json', folder), 'utf8')))
  return index.map((entry) => ({ ...entry, bytes: () => readFile(new URL(entry.file, folder)) }))
}
