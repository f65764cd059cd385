import { AudioSample, AudioSampleSource, FilePathTarget, Mp3OutputFormat, Output } from 'mediabunny'
import { Permanent } from '../errors.ts'
import { thinOut } from './decode.ts'
import type { TimedBlock } from './decode-spans.ts'
import type { Span, TimePoint } from './shapes.ts'

/** What an MP3 may be sampled at (ISO 11172-3, 13818-3, and MPEG 2.5), as far as speech needs. */
const RATES = [8000, 11025, 12000, 16000, 22050, 24000]
const SAMPLES_AT_ONCE = 16_384

let registered: Promise<void> | undefined

/** The encoder (LAME as WebAssembly) is loaded by the first recording that needs it. */
async function loadEncoder(): Promise<void> {
  registered ??= import('@mediabunny/mp3-encoder').then((module) => module.registerMp3Encoder())
  await registered
}

/**
 * Encodes what lies in the spans, of one channel or of all mixed, as mono MP3. Returns where what was written comes from. Blocks must
 * come in order; what lies between the spans is left out.
 */
export async function encodeMp3(
  blocks: AsyncIterable<TimedBlock>,
  wanted: { readonly spans: readonly Span[]; readonly channel: number | null },
  target: string,
): Promise<TimePoint[]> {
  await loadEncoder()
  let writer: Awaited<ReturnType<typeof openWriter>> | undefined
  const timeMap: TimePoint[] = []
  let place = 0
  let heardUntil = Number.NEGATIVE_INFINITY
  for await (const block of blocks) {
    const length = block.channels[0]?.length ?? 0
    const until = block.fromSeconds + length / block.sampleRate
    writer ??= await openWriter(target, block.sampleRate)
    for (; place < wanted.spans.length; place += 1) {
      const span = wanted.spans[place]
      if (span === undefined || span.startSeconds >= until) break
      // Leads of neighbouring spans overlap: nothing is heard twice.
      const from = Math.max(span.startSeconds, block.fromSeconds, heardUntil)
      const to = Math.min(span.endSeconds, until)
      if (to > from) {
        if (from - heardUntil > 0.001) timeMap.push({ atSeconds: writer.seconds(), fromSeconds: from })
        await writer.add(cutBlock(block, from, to), wanted.channel)
        heardUntil = to
      }
      if (span.endSeconds > until) break
    }
  }
  await writer?.end()
  return timeMap
}

function cutBlock(block: TimedBlock, from: number, to: number): TimedBlock {
  const at = (seconds: number) => Math.max(0, Math.round((seconds - block.fromSeconds) * block.sampleRate))
  return { ...block, channels: block.channels.map((samples) => samples.subarray(at(from), at(to))), fromSeconds: from }
}

/** The largest of the rates that the recording's is a whole multiple of. */
function rateOf(sampleRate: number): number {
  const rate = RATES.findLast((one) => sampleRate % one === 0 && sampleRate / one <= 12)
  if (rate !== undefined) return rate
  throw new Permanent('unsupported_format', {
    message: `The recording has ${sampleRate} samples a second, which cannot be encoded anew.`,
    hint: 'Convert it to MP3 or WAV at 8 or 16 kHz and attach it again.',
    policy: 'manual',
  })
}

async function openWriter(target: string, sampleRate: number) {
  const rate = rateOf(sampleRate)
  const source = new AudioSampleSource({ codec: 'mp3', bitrate: rate <= 12_000 ? 24_000 : 32_000 })
  const output = new Output({ format: new Mp3OutputFormat(), target: new FilePathTarget(target) })
  output.addAudioTrack(source)
  await output.start()
  const pending = new Float32Array(SAMPLES_AT_ONCE)
  let waiting = 0
  let written = 0
  const flush = async () => {
    if (waiting === 0) return
    const data = pending.slice(0, waiting)
    const timestamp = (written - waiting) / rate
    const sample = new AudioSample({ data, format: 'f32', numberOfChannels: 1, sampleRate: rate, timestamp })
    waiting = 0
    await source.add(sample)
    sample.close()
  }
  return {
    seconds: () => written / rate,
    add: async (block: TimedBlock, channel: number | null) => {
      const thin = thinOut(block, rate)
      const length = thin.channels[0]?.length ?? 0
      for (let index = 0; index < length; index++) {
        let value = 0
        if (channel !== null) value = thin.channels[channel]?.[index] ?? 0
        else for (const samples of thin.channels) value += (samples[index] ?? 0) / thin.channels.length
        pending[waiting++] = value
        written += 1
        if (waiting === SAMPLES_AT_ONCE) await flush()
      }
    },
    end: async () => {
      await flush()
      await output.finalize()
    },
  }
}
