/**
 * Renders the small files of test/fixtures/audio that need a real encoder: `tsx scripts/make-audio-fixtures.ts`.
 * Needs ffmpeg on the PATH; the results are committed, so the tests don't.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeWav } from '../src/audio/wav.ts'
import { encodeTones } from '../src/sandbox/tones.ts'

const folder = new URL('../test/fixtures/audio/', import.meta.url).pathname
const call = new URL('../src/sandbox/recordings/en-hot-freight.mp3', import.meta.url).pathname
const scratch = mkdtempSync(join(tmpdir(), 'callsift-fixtures-'))
const plain = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:a', '+bitexact']

function render(name: string, input: readonly string[], output: readonly string[]): void {
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...input, ...plain, ...output, join(folder, name)])
}

try {
  mkdirSync(folder, { recursive: true })
  const words = readFileSync(join(folder, 'tones.txt'), 'utf8')
  for (const rate of [8000, 16000]) {
    const wav = join(scratch, `tones-${rate}.wav`)
    writeFileSync(wav, encodeWav(encodeTones(words, { sampleRate: rate }), rate))
    for (const kbit of [16, 32]) render(`tones-${rate}-${kbit}k.mp3`, ['-i', wav], ['-b:a', `${kbit}k`])
    if (rate === 8000) render('tones-mulaw.wav', ['-i', wav], ['-c:a', 'pcm_mulaw'])
  }
  // Ten seconds of quiet and ten of talk: the mean rate of the beginning says nothing of the whole.
  const uneven = ['-i', call, '-af', 'atrim=0:10,adelay=10000']
  render('vbr-no-xing.mp3', uneven, ['-q:a', '7', '-write_xing', '0'])
  render('vbr-xing.mp3', uneven, ['-q:a', '7'])
  const talk = ['-t', '10', '-i', call]
  render('call.ogg', talk, ['-c:a', 'libopus', '-b:a', '16k'])
  render('call.m4a', talk, ['-c:a', 'aac', '-b:a', '24k'])
  render('call.webm', talk, ['-c:a', 'libopus', '-b:a', '16k'])
  render('call.flac', talk, ['-c:a', 'flac'])
  render('call-gsm.wav', talk, ['-c:a', 'gsm_ms'])
  render('call-alaw.wav', talk, ['-c:a', 'pcm_alaw'])
  const silence = (seconds: number) => ['-f', 'lavfi', '-t', String(seconds), '-i', 'anullsrc=r=16000:cl=mono']
  render('silence-24h.flac', silence(86_400), ['-frame_size', '65535'])
  render('silence.mp3', silence(20), ['-ar', '8000', '-b:a', '8k'])
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
