import { Permanent } from '../errors.ts'
import { type ByteSource, openByteSource, readBlocks } from './byte-source.ts'
import { decodeMp3Frames, decodeWavBlock, type SoundBlock } from './decode.ts'
import { type Mp3Frame, Mp3FrameScanner } from './mp3-frames.ts'
import { scanPackets } from './packet-scan.ts'
import { DEFAULT_PROBE_LIMITS, type ProbeLimits } from './probe-limits.ts'
import { type AudioFormat, SNIFF_BYTES, sniffAudio } from './sniff.ts'
import { type SoundMeasure, SoundMeter } from './sound-meter.ts'
import { CorruptWav, readWavLayout, type WavLayout, wavDataBytes, wavTagName } from './wav.ts'

export interface Probe {
  readonly format: AudioFormat
  /** `mp3`, `pcm_s16le`, `pcm_mulaw`, `opus`, … */
  readonly codec: string
  /** By counting frames, samples or packets: what the header claims is not believed. */
  readonly durationSeconds: number
  readonly channels: number
  readonly sampleRate: number
  /** Bits per second, on average. */
  readonly bitrate: number
  /** Share (0..1) of the time in which somebody speaks; 0 = nothing to transcribe. */
  readonly speechRatio: number
  /** How `speechRatio` was found: from samples, from packet sizes (no decoder here), or not at all (then it is 1). */
  readonly speechMeasure: 'samples' | 'packet_sizes' | 'none'
  /** 600 values 0..1 a row; a row a channel where samples were decoded, else one row. */
  readonly peaks: number[][]
  /** Loudness of each 20 ms, dB below full scale (below the largest packet where nothing was decoded); rows as in `peaks`. */
  readonly levels: Float32Array[]
  /** `speechRatio` of each row. */
  readonly channelSpeech: number[]
  /** Two channels with one and the same sound. */
  readonly alike: boolean
  /** dB below full scale; null where nothing was decoded. */
  readonly rmsDb: number | null
  /** There is less sound than there should be, the file's end or a gap lies before it; what is there was measured. */
  readonly truncated: boolean
}

const BLOCK_BYTES = 64 * 1024
/** Told the seconds of sound so far; throws once a limit is passed. */
type Watch = (seconds: number) => void

/**
 * Measures a recording. Throws `Permanent` with class `not_audio`, `empty_audio`, `too_short`, `too_long`,
 * `corrupt_audio`, `unsupported_format` or `too_expensive`. Memory stays flat for MP3 and WAV of any length.
 */
export async function probeAudio(source: string | Buffer, limits: ProbeLimits = DEFAULT_PROBE_LIMITS): Promise<Probe> {
  const bytes = await openByteSource(source)
  try {
    if (bytes.size === 0)
      throw refuse(
        'empty_audio',
        'The recording is empty (0 bytes).',
        'Check that the telephony stores recordings, then run it again.',
      )
    const sniffed = sniffAudio(await bytes.read(0, SNIFF_BYTES))
    if (sniffed.kind === 'other') throw notAudio(sniffed.name)
    if (sniffed.kind === 'unsupported') throw unsupported(sniffed.name)
    if (sniffed.kind === 'exotic') throw needsFfmpeg(sniffed.name)
    const probe = await probeFormat(source, bytes, sniffed.format, startWatch(limits))
    if (probe.durationSeconds <= 0) throw emptyAudio()
    if (probe.durationSeconds < limits.minSeconds) {
      throw refuse(
        'too_short',
        `The recording lasts ${probe.durationSeconds.toFixed(2)} s, less than ${limits.minSeconds} s.`,
        'There is nothing to hear in it; no request was spent.',
      )
    }
    return probe
  } finally {
    await bytes.close()
  }
}

function probeFormat(source: string | Buffer, bytes: ByteSource, format: AudioFormat, watch: Watch): Promise<Probe> {
  if (format === 'mp3') return probeMp3(bytes, 'mp3', 0, bytes.size, watch)
  if (format === 'wav') return probeWav(bytes, watch)
  if (format === 'amr') throw needsFfmpeg('AMR')
  return probePackets(source, format, bytes.size, watch)
}

async function probeMp3(
  bytes: ByteSource,
  format: AudioFormat,
  from: number,
  to: number,
  watch: Watch,
): Promise<Probe> {
  const scanner = new Mp3FrameScanner()
  const meter = new SoundMeter()
  let first: Mp3Frame | undefined
  let seconds = 0
  let frames = 0
  let audioBytes = 0
  const count = (found: Mp3Frame[]): Mp3Frame[] => {
    for (const frame of found) {
      first ??= frame
      frames++
      seconds += frame.samples / frame.sampleRate
      audioBytes += frame.length
    }
    watch(seconds)
    return found
  }
  async function* readFrames(): AsyncGenerator<Mp3Frame[]> {
    for await (const block of readBlocks(bytes, from, to, BLOCK_BYTES)) yield count(scanner.push(block))
    yield count(scanner.push(Buffer.alloc(0), true))
  }
  for await (const block of decodeMp3Frames(readFrames())) meter.add(block)
  if (!first) throw scanner.strayBytes > 0 ? notAudio('data without two MP3 frames in a row') : emptyAudio()
  if (scanner.strayBytes > audioBytes) {
    throw refuse(
      'corrupt_audio',
      `Only ${audioBytes} of ${audioBytes + scanner.strayBytes} bytes are MP3 frames.`,
      'The file is damaged: fetch it again from the portal, or listen to it there.',
    )
  }
  return {
    ...meter.finish(),
    format,
    codec: 'mp3',
    durationSeconds: seconds,
    channels: first.channels,
    sampleRate: first.sampleRate,
    bitrate: Math.round((audioBytes * 8) / seconds),
    speechMeasure: 'samples',
    // Encoders' tables count one frame more or less than there are; a cut file lacks many.
    truncated: scanner.truncated || frames < (scanner.claimedFrames ?? 0) * 0.98 - 2,
  }
}

async function probeWav(bytes: ByteSource, watch: Watch): Promise<Probe> {
  const layout = await readLayout(bytes)
  const { bytes: present, truncated } = wavDataBytes(layout, bytes.size)
  const end = layout.dataOffset + present
  if (layout.formatTag === 0x55) return { ...(await probeMp3(bytes, 'wav', layout.dataOffset, end, watch)), truncated }
  if (!layout.codec) throw needsFfmpeg(`WAV with ${wavTagName(layout.formatTag)}`)
  const { codec, channels, sampleRate, blockAlign } = layout
  const durationSeconds = present / blockAlign / sampleRate
  watch(durationSeconds)
  const meter = new SoundMeter()
  const blockBytes = BLOCK_BYTES - (BLOCK_BYTES % blockAlign)
  let done = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of readBlocks(bytes, layout.dataOffset, end, blockBytes)) {
    const joined = rest.length === 0 ? block : Buffer.concat([rest, block])
    const whole = joined.length - (joined.length % blockAlign)
    const sound: SoundBlock = decodeWavBlock(joined.subarray(0, whole), codec, channels, sampleRate)
    rest = joined.subarray(whole)
    meter.add(sound)
    done += whole
    watch(done / blockAlign / sampleRate)
  }
  const measure: SoundMeasure = meter.finish()
  return {
    ...measure,
    format: 'wav',
    codec,
    durationSeconds,
    channels,
    sampleRate,
    bitrate: sampleRate * blockAlign * 8,
    speechMeasure: 'samples',
    truncated,
  }
}

async function readLayout(bytes: ByteSource): Promise<WavLayout> {
  try {
    // Chunks of any size may stand before the sound; a megabyte of them is already odd.
    const layout = readWavLayout(await bytes.read(0, 1 << 20))
    if (layout) return layout
    throw new CorruptWav('its header is cut off')
  } catch (error) {
    if (!(error instanceof CorruptWav)) throw error
    throw refuse(
      'corrupt_audio',
      `The WAV file is damaged: ${error.message}.`,
      'Listen to it in the portal; if it plays there, export it as MP3 and attach it again.',
      error,
    )
  }
}

async function probePackets(source: string | Buffer, format: AudioFormat, size: number, watch: Watch): Promise<Probe> {
  const scan = await scanPackets(source, format, watch).catch((error: unknown) => {
    if (error instanceof Permanent) throw error
    throw refuse(
      'corrupt_audio',
      `The ${format} file can't be read: ${error instanceof Error ? error.message : String(error)}.`,
      'Listen to it in the portal; if it plays there, export it as MP3 and attach it again.',
      error,
    )
  })
  if (!scan) throw notAudio(`a ${format} file without a sound track`)
  const { peaks, levels, busyRatio, audioBytes, sound, ...facts } = scan
  const byPackets = {
    speechRatio: busyRatio ?? 1,
    channelSpeech: [busyRatio ?? 1],
    peaks: [peaks],
    levels: [levels],
    alike: false,
    rmsDb: null,
  }
  return {
    ...facts,
    ...(sound ?? byPackets),
    format,
    bitrate: facts.durationSeconds > 0 ? Math.round(((audioBytes || size) * 8) / facts.durationSeconds) : 0,
    speechMeasure: sound !== null ? 'samples' : busyRatio === null ? 'none' : 'packet_sizes',
  }
}

/** Stops the measuring as soon as a limit is passed, not when it is over. */
function startWatch(limits: ProbeLimits): Watch {
  const cpuMs = (): number => {
    // Of this thread alone where Node can tell (since 23.9); the process's own otherwise.
    const usage = typeof process.threadCpuUsage === 'function' ? process.threadCpuUsage() : process.cpuUsage()
    return (usage.user + usage.system) / 1000
  }
  const started = cpuMs()
  return (seconds) => {
    if (seconds > limits.maxSeconds) {
      throw refuse(
        'too_long',
        `The recording is longer than ${formatMinutes(limits.maxSeconds)} minutes.`,
        'Raise the limit on length, or cut the recording and attach the part that matters.',
      )
    }
    if (cpuMs() - started > limits.maxCpuMs) {
      throw refuse(
        'too_expensive',
        `Measuring the recording took more than ${Math.round(limits.maxCpuMs / 1000)} s of CPU.`,
        'Convert it to MP3 or WAV at 8 to 16 kHz and attach it again.',
      )
    }
  }
}

const formatMinutes = (seconds: number): string => (Math.round((seconds / 60) * 10) / 10).toString()

function refuse(failureClass: string, message: string, hint: string, cause?: unknown): Permanent {
  return new Permanent(failureClass, { message, hint, cause, policy: 'manual' })
}

function notAudio(name: string): Permanent {
  return refuse(
    'not_audio',
    `The recording's link gave ${name} instead of sound.`,
    'Open the recording in the portal: the link may lead to a login page or to a removed file.',
  )
}

function emptyAudio(): Permanent {
  return refuse(
    'empty_audio',
    'The recording has a header and no sound.',
    'Check that the telephony stores recordings, then run it again.',
  )
}

function unsupported(name: string): Permanent {
  return refuse(
    'unsupported_format',
    `The recording is ${name}, which is not read here.`,
    'Set the telephony to store MP3 or WAV (PCM, A-law or mu-law), or convert the file and attach it again.',
  )
}

function needsFfmpeg(name: string): Permanent {
  return new Permanent('needs_ffmpeg', {
    message: `The recording is ${name}, which is read here only with the help of ffmpeg, and this worker has none.`,
    hint: 'Install ffmpeg where the workers run (or name it in CALLSIFT_FFMPEG), then retry the call; or set the telephony to store MP3 or plain WAV.',
    policy: 'fix',
  })
}
