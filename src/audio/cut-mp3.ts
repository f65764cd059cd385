import type { FileHandle } from 'node:fs/promises'
import { type ByteSource, readBlocks } from './byte-source.ts'
import { Mp3FrameScanner } from './mp3-frames.ts'
import type { Span, TimePoint } from './shapes.ts'

const BLOCK_BYTES = 256 * 1024
/** A frame may lean on bits of the frames before it: copied from its own start on, up to 0.19 s would be mute (measured). */
const LEAD_FRAMES = 3

/** Copies the frames of the spans, none of them touched. Returns where what was written comes from. */
export async function copyMp3Frames(
  bytes: ByteSource,
  range: { readonly from: number; readonly to: number },
  spans: readonly Span[],
  target: FileHandle,
): Promise<TimePoint[]> {
  const scanner = new Mp3FrameScanner()
  const timeMap: TimePoint[] = []
  const [copy, end] = [createCopy(spans), spans.at(-1)?.endSeconds ?? 0]
  let seconds = 0
  const take = async (block: Buffer, last: boolean) => {
    const chosen: Buffer[] = []
    for (const frame of scanner.push(block, last)) {
      const length = frame.samples / frame.sampleRate
      const point = copy(seconds, length)
      if (point !== null) {
        if (point.begins) timeMap.push({ atSeconds: point.atSeconds, fromSeconds: seconds })
        chosen.push(frame.bytes)
      }
      seconds += length
    }
    if (chosen.length > 0) await target.write(Buffer.concat(chosen))
  }
  for await (const block of readBlocks(bytes, range.from, range.to, BLOCK_BYTES)) {
    await take(block, false)
    if (seconds > end) return timeMap
  }
  await take(Buffer.alloc(0), true)
  return timeMap
}

/** Tells of each frame in turn whether it is copied, and where it comes to stand. */
function createCopy(spans: readonly Span[]) {
  let place = 0
  let written = 0
  let copying = false
  return (at: number, length: number): { begins: boolean; atSeconds: number } | null => {
    while (place < spans.length && (spans[place]?.endSeconds ?? 0) <= at) {
      place += 1
      // The next span's lead may begin right here; then nothing is left out between them.
      copying &&= at + length > (spans[place]?.startSeconds ?? Number.POSITIVE_INFINITY) - LEAD_FRAMES * length
    }
    const span = spans[place]
    if (span === undefined || at + length <= span.startSeconds - LEAD_FRAMES * length) return null
    const begins = !copying
    copying = true
    const atSeconds = written
    written += length
    return { begins, atSeconds }
  }
}
