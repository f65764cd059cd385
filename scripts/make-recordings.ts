/**
 * Renders the sandbox's recordings from recordings-text.ts: `tsx scripts/make-recordings.ts`.
 * Needs espeak-ng and ffmpeg on the PATH; the results are committed, so nobody else does.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeWav } from '../src/audio/wav.ts'
import { hashMp3Frames, hashWavBlocks, readWavSound } from '../src/sandbox/frame-hashes.ts'
import type { RecordingEntry, RecordingSegment } from '../src/sandbox/recordings.ts'
import { CALLS, type CallText } from './recordings-text.ts'

const RATE = 8000
/** LAME's 576 and the decoder's 529 samples: everything in a decoded MP3 is heard this much later. */
const MP3_DELAY_SECONDS = (576 + 529) / RATE
const VOICES = {
  ru: { a: ['-v', 'ru+f3', '-p', '62', '-s', '150'], c: ['-v', 'ru+m3', '-p', '34', '-s', '158'] },
  en: { a: ['-v', 'en-us+f3', '-p', '60', '-s', '158'], c: ['-v', 'en-gb+m3', '-p', '36', '-s', '165'] },
} as const

const folder = new URL('../src/sandbox/recordings/', import.meta.url).pathname
const scratch = mkdtempSync(join(tmpdir(), 'callsift-recordings-'))

/** One turn as 8 kHz samples without the silence espeak puts around it. */
function speak(text: string, voice: readonly string[]): Int16Array {
  const file = join(scratch, 'turn.wav')
  execFileSync('espeak-ng', [...voice, '-w', file, text])
  const raw = execFileSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-i',
      file,
      '-af',
      'highpass=f=150,volume=0.8',
      '-f',
      's16le',
      '-ac',
      '1',
      '-ar',
      String(RATE),
      '-',
    ],
    { maxBuffer: 1 << 26 },
  )
  const samples = new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength))
  const loud = (value: number) => Math.abs(value) > 250
  const first = samples.findIndex(loud)
  const last = samples.findLastIndex(loud)
  return samples.subarray(Math.max(0, first - 80), last + 160)
}

/** Line noise near -60 dB from a small generator with a fixed seed: a real line is never digitally silent. */
function addNoise(samples: Int16Array, seed: number): void {
  let state = seed
  for (let index = 0; index < samples.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    samples[index] = Math.max(-32768, Math.min(32767, (samples[index] ?? 0) + Math.round((state / 2 ** 32 - 0.5) * 90)))
  }
}

function render(call: CallText, number: number): RecordingEntry {
  const stereo = call.format === 'mp3-stereo'
  const channels = stereo ? 2 : 1
  const delay = call.format === 'wav-mulaw' ? 0 : MP3_DELAY_SECONDS
  const placed: { at: number; channel: number; samples: Int16Array }[] = []
  const segments: RecordingSegment[] = []
  let cursor = Math.round(0.6 * RATE)
  for (const [index, [speaker, text]] of call.turns.entries()) {
    const samples = speak(text, VOICES[call.language][speaker])
    placed.push({ at: cursor, channel: stereo && speaker === 'c' ? 1 : 0, samples })
    const round = (value: number) => Math.round(value * 1000) / 1000
    const start = cursor / RATE + delay
    segments.push({
      speaker: speaker === 'a' ? 'agent' : 'customer',
      start: round(start),
      end: round(start + samples.length / RATE),
      text,
    })
    cursor += samples.length + Math.round((0.45 + 0.11 * ((index * 7 + number * 3) % 5)) * RATE)
  }
  const mix = new Int16Array((cursor + Math.round(0.3 * RATE)) * channels)
  for (const { at, channel, samples } of placed)
    for (let index = 0; index < samples.length; index++) mix[(at + index) * channels + channel] = samples[index] ?? 0
  addNoise(mix, 1000 + number)

  const file = `${call.id}.${call.format === 'wav-mulaw' ? 'wav' : 'mp3'}`
  const source = join(scratch, 'call.wav')
  writeFileSync(source, encodeWav(mix, RATE, channels))
  const codec =
    call.format === 'wav-mulaw'
      ? ['-c:a', 'pcm_mulaw']
      : [
          '-c:a',
          'libmp3lame',
          '-b:a',
          stereo ? '48k' : '32k',
          '-joint_stereo',
          '0',
          '-write_xing',
          '0',
          '-id3v2_version',
          '0',
        ]
  execFileSync('ffmpeg', [
    '-v',
    'error',
    '-y',
    '-i',
    source,
    '-map_metadata',
    '-1',
    '-fflags',
    '+bitexact',
    '-flags:a',
    '+bitexact',
    ...codec,
    join(folder, file),
  ])

  const bytes = readFileSync(join(folder, file))
  const sound = file.endsWith('.wav') ? readWavSound(bytes) : null
  const frames = sound ? hashWavBlocks(sound) : hashMp3Frames(bytes)
  if (!frames) throw new Error(`${file} cannot be read back`)
  return {
    id: call.id,
    file,
    language: call.language,
    channels,
    durationSeconds: sound
      ? sound.samples.length / channels / RATE
      : Math.round(frames.hashes.length * frames.frameSeconds * 1000) / 1000,
    direction: call.direction,
    phone: call.phone,
    title: call.title,
    words: call.turns.map(([, text]) => text).join(' '),
    segments,
    frameSeconds: frames.frameSeconds,
    frames: frames.hashes.join(''),
  }
}

try {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  const entries = CALLS.map(render)
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify(entries, null, 1)}\n`)
  for (const entry of entries) console.log(entry.file, `${entry.durationSeconds} s`, `${entry.segments.length} turns`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
