import { decodeWavBlock } from '../../src/audio/decode.ts'
import { readWavLayout, wavDataBytes } from '../../src/audio/wav.ts'
import { decodeTones } from '../../src/sandbox/tones.ts'
import type { SeenRequest } from './mock-provider.ts'

/** What a recogniser that makes no mistakes says of a request with a WAV of tone words: `verbose_json`, with words. */
export function hearForm({ body }: Pick<SeenRequest, 'body'>): Record<string, unknown> {
  const head = body.indexOf('name="file"')
  const from = body.indexOf('\r\n\r\n', head) + 4
  // Nothing but the file stands behind its own head, or other fields do: a RIFF tells its length itself.
  const bytes = body.subarray(from, from + 8 + body.readUInt32LE(from + 4))
  const layout = readWavLayout(bytes)
  if (layout?.codec == null) throw new Error('the part is no WAV')
  const data = bytes.subarray(layout.dataOffset, layout.dataOffset + wavDataBytes(layout, bytes.length).bytes)
  const [samples = new Float32Array(0)] = decodeWavBlock(data, layout.codec, 1, layout.sampleRate).channels
  const { words } = decodeTones(samples, layout.sampleRate)
  const segments: { id: number; start: number; end: number; text: string }[] = []
  for (const word of words) {
    const last = segments.at(-1)
    if (last !== undefined && word.start - last.end < 0.3 && word.end - last.start < 6) {
      last.text += ` ${word.text}`
      last.end = word.end
    } else segments.push({ id: segments.length, start: word.start, end: word.end, text: ` ${word.text}` })
  }
  return {
    task: 'transcribe',
    language: 'english',
    duration: samples.length / layout.sampleRate,
    text: words.map((word) => word.text).join(' '),
    segments,
    words: words.map(({ text, start, end }) => ({ word: text, start, end })),
  }
}
