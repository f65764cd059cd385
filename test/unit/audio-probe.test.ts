import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inAudioThread } from '../../src/audio/audio-thread.ts'
import { type Probe, probeAudio } from '../../src/audio/probe.ts'
import { DEFAULT_PROBE_LIMITS } from '../../src/audio/probe-limits.ts'
import { encodeWav } from '../../src/audio/wav.ts'
import { Permanent } from '../../src/errors.ts'
import { loadRecordings } from '../../src/sandbox/recordings.ts'
import { encodeTones } from '../../src/sandbox/tones.ts'

const RATE = 8000
const fixture = (name: string) => readFile(new URL(`../fixtures/audio/${name}`, import.meta.url))

/** The class of the refusal; a probe that passes is no refusal. */
async function classOf(probing: Promise<Probe>): Promise<string> {
  try {
    const probe = await probing
    return `passed as ${probe.format}/${probe.codec} of ${probe.durationSeconds} s`
  } catch (error) {
    if (!(error instanceof Permanent)) throw error
    expect(error.hint).toBeTruthy()
    return error.class
  }
}

function noise(count: number, amplitude: number, seed = 7): Int16Array {
  let state = seed
  return Int16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.round((state / 2 ** 32 - 0.5) * 2 * amplitude)
  })
}

const wave = (seconds: number, at: (time: number) => number) =>
  encodeWav(
    Int16Array.from({ length: seconds * RATE }, (_, index) => Math.round(at(index / RATE) * 32767)),
    RATE,
  )
const tone = (hertz: number, time: number) => Math.sin(2 * Math.PI * hertz * time)

/** A WAV whose header can be told to lie. */
function lyingWav(patch: (head: Buffer) => void): Buffer {
  const wav = encodeWav(encodeTones('one two three four five six.'), RATE)
  patch(wav)
  return wav
}

describe('a probe of every recording of the sandbox', () => {
  it('finds its exact length, its channels and its speech', async () => {
    for (const recording of await loadRecordings()) {
      const probe = await probeAudio(await recording.bytes())
      expect(probe.durationSeconds).toBeCloseTo(recording.durationSeconds, 2)
      expect(probe.channels).toBe(recording.channels)
      expect(probe.sampleRate).toBe(8000)
      expect(probe.truncated).toBe(false)
      expect(probe.peaks).toHaveLength(recording.channels)
      for (const row of probe.peaks) {
        expect(row).toHaveLength(600)
        expect(Math.max(...row)).toBeGreaterThan(0.2)
        expect(row.every((peak) => peak >= 0 && peak <= 1)).toBe(true)
      }
      const spoken =
        recording.segments.reduce((sum, { start, end }) => sum + end - start, 0) / recording.durationSeconds
      expect(Math.abs(probe.speechRatio - spoken)).toBeLessThan(0.25)
      expect(probe.rmsDb).toBeGreaterThan(-35)
    }
  })

  it('shows in its peaks who is silent when', async () => {
    const stereo = (await loadRecordings()).find(({ channels }) => channels === 2)
    if (!stereo) throw new Error('no stereo recording')
    const { peaks, durationSeconds } = await probeAudio(await stereo.bytes())
    const turn = stereo.segments.find(({ speaker }) => speaker === 'customer')
    const at = Math.floor((((turn?.start ?? 0) + (turn?.end ?? 0)) / 2 / durationSeconds) * 600)
    expect(Math.max(...(peaks[1] ?? []).slice(at - 5, at + 5))).toBeGreaterThan(0.1)
    expect(Math.max(...(peaks[0] ?? []).slice(at - 5, at + 5))).toBeLessThan(0.05)
  })

  it('gives the same from a thread', async () => {
    const [recording] = await loadRecordings()
    const path = join(folder, 'any-name.txt')
    await writeFile(path, (await recording?.bytes()) ?? '')
    expect(await inAudioThread({ name: 'probe', order: { path } })).toEqual(await probeAudio(path))
  })
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-probe-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('lengths are counted, not believed', () => {
  it('of a VBR MP3 without its table, and with it', async () => {
    const without = await probeAudio(await fixture('vbr-no-xing.mp3'))
    const with_ = await probeAudio(await fixture('vbr-xing.mp3'))
    expect(without.durationSeconds).toBeCloseTo(20.16, 1)
    expect(with_.durationSeconds).toBeCloseTo(without.durationSeconds, 3)
    expect(with_.truncated).toBe(false)
  })

  it('A10: of an MP3 cut at 70 %, which is marked', async () => {
    const whole = await fixture('vbr-xing.mp3')
    const probe = await probeAudio(whole.subarray(0, Math.floor(whole.length * 0.7)))
    expect(probe.truncated).toBe(true)
    expect(probe.durationSeconds).toBeLessThan(18)
  })

  it('A06, A16: of a WAV whose data size is 0, endless, odd or far too small or large', async () => {
    const real = (await probeAudio(lyingWav(() => {}))).durationSeconds
    for (const size of [0, 0xffffffff, 0x7fffffff]) {
      const probe = await probeAudio(lyingWav((head) => head.writeUInt32LE(size, 40)))
      expect(probe.durationSeconds).toBeCloseTo(real, 5)
      expect(probe.truncated).toBe(false)
    }
    const large = await probeAudio(lyingWav((head) => head.writeUInt32LE(100_000_000, 40)))
    expect([large.durationSeconds, large.truncated]).toEqual([real, true])
    const odd = lyingWav(() => {})
    const probe = await probeAudio(lyingWav((head) => head.writeUInt32LE(odd.length - 45, 40)))
    expect(probe.durationSeconds).toBeCloseTo(real, 3)
  })

  it.each([
    ['call.ogg', 'ogg', 'opus'],
    ['call.m4a', 'm4a', 'aac'],
    ['call.webm', 'webm', 'opus'],
    ['call.flac', 'flac', 'flac'],
    ['call-alaw.wav', 'wav', 'pcm_alaw'],
  ])('of %s by its packets', async (name, format, codec) => {
    const path = join(folder, 'x.bin')
    await writeFile(path, await fixture(name))
    const probe = await probeAudio(path)
    expect([probe.format, probe.codec, probe.channels]).toEqual([format, codec, 1])
    expect(probe.durationSeconds).toBeCloseTo(10, 0)
    expect(probe.speechRatio).toBeGreaterThan(0.2)
  })

  it('A01: of a small FLAC that unpacks to a day, which is refused in no time', async () => {
    const bomb = await fixture('silence-24h.flac')
    const before = process.cpuUsage()
    expect(await classOf(probeAudio(bomb))).toBe('too_long')
    const spent = process.cpuUsage(before)
    expect((spent.user + spent.system) / 1000).toBeLessThan(2000)
  })

  it('A15: and the limit is the limit', async () => {
    const limits = { ...DEFAULT_PROBE_LIMITS, maxSeconds: 60 }
    expect((await probeAudio(encodeWav(noise(60 * RATE, 9000), RATE), limits)).durationSeconds).toBe(60)
    expect(await classOf(probeAudio(encodeWav(noise(60 * RATE + 1, 9000), RATE), limits))).toBe('too_long')
  })

  it('and CPU time has a limit of its own', async () => {
    expect(
      await classOf(probeAudio(encodeWav(noise(600 * RATE, 9000), RATE), { ...DEFAULT_PROBE_LIMITS, maxCpuMs: 1 })),
    ).toBe('too_expensive')
  })

  it('A08: past a tag of 20 MB', async () => {
    const [recording] = await loadRecordings()
    const bytes = (await recording?.bytes()) ?? Buffer.alloc(0)
    const size = 20_000_000
    const tag = Buffer.alloc(10 + size)
    tag.write('ID3\x03\x00\x00', 'latin1')
    for (let index = 0; index < 4; index++) tag[6 + index] = (size >> (7 * (3 - index))) & 0x7f
    expect((await probeAudio(Buffer.concat([tag, bytes]))).durationSeconds).toBeCloseTo(
      recording?.durationSeconds ?? 0,
      2,
    )
  })
})

describe('what is no recording is refused by its class', () => {
  it('A09: random bytes, ZIP, ELF, PNG, HTML, PDF, JSON, text', async () => {
    const random = Buffer.from(noise(50_000, 32_000, 99).buffer)
    const others = [
      'PK\x03\x04....',
      '\x7fELF\x02\x01\x01\0',
      '\x89PNG\r\n\x1a\n',
      '<!DOCTYPE html><html><body>Log in</body></html>',
      '%PDF-1.7\n',
      '{"error":"NO_AUTH"}',
      'just words',
    ]
    for (const bytes of [random, ...others.map((text) => Buffer.from(text.padEnd(4000, ' '), 'latin1'))]) {
      expect(await classOf(probeAudio(bytes))).toBe('not_audio')
    }
  })

  it('A04, A05: playlists and session descriptions, which are never followed', async () => {
    for (const text of [
      '#EXTM3U\n#EXTINF:10,\nfile:///other/tenant.wav\n',
      'ffconcat version 1.0\nfile /etc/passwd\n',
      'v=0\no=- 0 0 IN IP4 127.0.0.1\n',
      '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
      'FILE "x.wav" WAVE\n  TRACK 01 AUDIO',
      'concat:a.mp3|b.mp3',
      'subfile,,start,0,end,10,,:/etc/passwd',
    ]) {
      expect(await classOf(probeAudio(Buffer.from(text)))).toBe('unsupported_format')
    }
  })

  it('A02: formats that are not read here, or not without ffmpeg', async () => {
    expect(await classOf(probeAudio(await fixture('call-gsm.wav')))).toBe('needs_ffmpeg')
    expect(await classOf(probeAudio(Buffer.from('wvpk'.padEnd(100, '\0'), 'latin1')))).toBe('unsupported_format')
    expect(await classOf(probeAudio(Buffer.from('#!AMR\n'.padEnd(100, '\0'), 'latin1')))).toBe('needs_ffmpeg')
  })

  it('A07: WAV headers that cannot be true', async () => {
    const lies: ((head: Buffer) => void)[] = [
      (head) => head.writeUInt32LE(0, 24),
      (head) => head.writeUInt16LE(0, 22),
      (head) => head.writeUInt16LE(65_535, 22),
      (head) => head.writeUInt16LE(0, 34),
      (head) => head.writeUInt16LE(64, 34),
    ]
    for (const lie of lies) expect(await classOf(probeAudio(lyingWav(lie)))).toBe('corrupt_audio')
    expect(await classOf(probeAudio(lyingWav(() => {}).subarray(0, 30)))).toBe('corrupt_audio')
  })

  it('A12: nothing, a header alone, a tenth of a second', async () => {
    expect(await classOf(probeAudio(Buffer.alloc(0)))).toBe('empty_audio')
    expect(await classOf(probeAudio(encodeWav(new Int16Array(0), RATE)))).toBe('empty_audio')
    expect(await classOf(probeAudio(encodeWav(noise(800, 9000), RATE)))).toBe('too_short')
  })

  it('with the same class from a thread', async () => {
    const path = join(folder, 'call.mp3')
    await writeFile(path, '<html>Log in</html>')
    expect(await classOf(inAudioThread({ name: 'probe', order: { path } }))).toBe('not_audio')
  })
})

describe('what is no speech has a ratio of 0', () => {
  it('A13: digital silence and noise at -70 dB', async () => {
    expect((await probeAudio(encodeWav(new Int16Array(60 * RATE), RATE))).speechRatio).toBe(0)
    expect((await probeAudio(encodeWav(noise(60 * RATE, 17), RATE))).speechRatio).toBe(0)
    expect((await probeAudio(await fixture('silence.mp3'))).speechRatio).toBe(0)
  })

  it('A14: a tone, ring-back, busy, held chords, an arpeggio, loud noise', async () => {
    const sounds = [
      wave(60, (time) => 0.3 * tone(440, time)),
      wave(60, (time) => (time % 5 < 1 ? 0.3 * tone(425, time) : 0)),
      wave(60, (time) => (time % 0.7 < 0.35 ? 0.3 * tone(425, time) : 0)),
      wave(60, (time) => (0.15 + 0.05 * tone(0.25, time)) * (tone(262, time) + tone(330, time) + tone(392, time))),
      wave(
        60,
        (time) =>
          0.2 * Math.exp(-2 * (time % 0.5)) * tone(262 * 2 ** ((Math.floor((time * 2) % 8) * 2) / 12), time) +
          0.1 * tone(131, time) +
          0.1 * tone(196, time),
      ),
      encodeWav(noise(60 * RATE, 8000), RATE),
    ]
    for (const sound of sounds) expect((await probeAudio(sound)).speechRatio).toBe(0)
  })

  it('but coded words, and few words in long silence, are speech', async () => {
    const words = encodeTones('We need a CRM for fifty users. The budget is approved.')
    expect((await probeAudio(encodeWav(words, RATE))).speechRatio).toBeGreaterThan(0.3)
    const sparse = new Int16Array(300 * RATE)
    sparse.set(words, 100 * RATE)
    expect((await probeAudio(encodeWav(sparse, RATE))).speechRatio).toBeGreaterThan(0)
  })
})

describe('the thread', () => {
  it('is ended where a damaged file sends the demuxer into an endless loop', async () => {
    const path = fileURLToPath(new URL('../fixtures/audio/endless-loop.webm', import.meta.url))
    expect(
      await classOf(inAudioThread({ name: 'probe', order: { path } }, { ...DEFAULT_PROBE_LIMITS, maxCpuMs: 100 })),
    ).toBe('too_expensive')
  })

  it('is ended by an abort', async () => {
    const path = join(folder, 'long.wav')
    await writeFile(path, encodeWav(noise(600 * RATE, 9000), RATE))
    const abort = new AbortController()
    const probing = inAudioThread({ name: 'probe', order: { path } }, DEFAULT_PROBE_LIMITS, abort.signal)
    abort.abort(new Error('the run was cancelled'))
    await expect(probing).rejects.toThrow('the run was cancelled')
  })
})
