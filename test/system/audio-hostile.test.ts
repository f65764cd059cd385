import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inAudioThread } from '../../src/audio/audio-thread.ts'
import { defaultPlanOptions, planParts } from '../../src/audio/plan.ts'
import { type Probe, probeAudio } from '../../src/audio/probe.ts'
import { DEFAULT_PROBE_LIMITS } from '../../src/audio/probe-limits.ts'
import { callEnd, startHttpApp } from '../support/http-app.ts'
import { needsPrograms } from '../support/needs.ts'
import { runFfmpeg, writeToneCall } from '../support/tone-calls.ts'
import { transcribeTones } from '../support/transcribe-tones.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-hostile-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const encoder = await needsPrograms('odd audio files and bombs', ['ffmpeg'])
const traced = await needsPrograms('audio exploits under strace', ['strace', 'ffmpeg'])

function measuredOf(durationSeconds: number): Probe {
  const levels = new Float32Array(Math.ceil(durationSeconds / 0.02)).fill(-20)
  for (let at = 0; at < levels.length; at += 200) levels.fill(-90, at, at + 50)
  const one = { format: 'mp3' as const, codec: 'mp3', channels: 1, sampleRate: 8000, bitrate: 32_000, speechRatio: 0.5 }
  return {
    ...one,
    durationSeconds,
    levels: [levels],
    channelSpeech: [0.5],
    alike: false,
    speechMeasure: 'samples',
    peaks: [[]],
    rmsDb: -20,
    truncated: false,
  }
}

describe('lengths', () => {
  it.each([
    [27 * 60 + 59, 1],
    [28 * 60 + 1, 2],
    [30 * 60 + 1, 2],
    [50 * 60 + 1, 3],
    [61 * 60, 3],
  ])('A15: %i s are %i parts, equal ones', (seconds, count) => {
    const { parts } = planParts(measuredOf(seconds))
    expect(parts).toHaveLength(count)
    const lengths = parts.map((part) => (part.spans.at(-1)?.endSeconds ?? 0) - (part.spans[0]?.startSeconds ?? 0))
    expect(Math.max(...lengths)).toBeLessThanOrEqual(28 * 60)
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(121)
    expect(lengths.reduce((sum, one) => sum + one, 0)).toBeCloseTo(seconds, 3)
  })
  it('A15: 4:00:01 is too long', async () => {
    const limits = { ...DEFAULT_PROBE_LIMITS }
    expect(limits.maxSeconds).toBe(4 * 3600)
    const path = join(folder, 'four-hours.wav')
    const head = Buffer.alloc(44)
    head.write('RIFF....WAVEfmt ', 0, 'latin1')
    head.writeUInt32LE(16, 16)
    head.writeUInt16LE(7, 20)
    head.writeUInt16LE(1, 22)
    head.writeUInt32LE(8000, 24)
    head.writeUInt32LE(8000, 28)
    head.writeUInt16LE(1, 32)
    head.writeUInt16LE(8, 34)
    head.write('data', 36, 'latin1')
    await writeFile(path, Buffer.concat([head, Buffer.alloc((4 * 3600 + 1) * 8000, 0xff)]))
    await expect(probeAudio(path)).rejects.toMatchObject({ class: 'too_long' })
  })
})

describe.skipIf(encoder === null)('odd files', () => {
  it('A03: an hour of eight channels at 96 kHz as FLAC costs little CPU and memory', async () => {
    const path = join(folder, 'eight.flac')
    await runFfmpeg(['-f', 'lavfi', '-i', 'anullsrc=r=96000:cl=7.1', '-t', '3600', '-c:a', 'flac', path])
    const before = process.cpuUsage()
    const rss = process.memoryUsage().rss
    const probe = await probeAudio(path)
    const spent = process.cpuUsage(before)
    expect(probe.channels).toBe(8)
    expect((spent.user + spent.system) / 1e6).toBeLessThan(30)
    expect(process.memoryUsage().rss - rss).toBeLessThan(150_000_000)
  })

  it('A11: an MP4 with a picture and two sounds, its index at the end or in fragments: the first sound alone', async () => {
    const call = await writeToneCall({ path: join(folder, 'first.wav'), seconds: 30 })
    const inputs = ['-f', 'lavfi', '-i', 'testsrc=d=30:s=64x64:r=5', '-i', call.path, '-f', 'lavfi', '-i', 'sine=d=30']
    const maps = ['-map', '0:v', '-map', '1:a', '-map', '2:a', '-c:v', 'mpeg4', '-c:a', 'aac', '-b:a', '48k']
    for (const flags of [[], ['-movflags', 'frag_keyframe+empty_moov']]) {
      const path = join(folder, `video-${flags.length}.mp4`)
      await runFfmpeg([...inputs, ...maps, ...flags, path])
      const plan = { maxWholeSeconds: 20, maxPartSeconds: 20, searchSeconds: 4 }
      const { words } = await transcribeTones(path, { folder, plan })
      expect(words).toEqual(call.words.map((word) => word.text))
    }
  })

  it('A10: cut off at 70 %, they are heard as far as they go, and marked', async () => {
    const call = await writeToneCall({ path: join(folder, 'whole.wav'), seconds: 60 })
    const mp3 = join(folder, 'whole.mp3')
    await runFfmpeg(['-i', call.path, '-b:a', '32k', mp3])
    const bytes = await readFile(mp3)
    const cut = join(folder, 'cut.mp3')
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * 0.7)))
    const { probe, words } = await transcribeTones(cut, { folder })
    expect(probe.truncated).toBe(true)
    const all = call.words.map((word) => word.text)
    expect(words.length).toBeGreaterThan(all.length * 0.65)
    expect(words.slice(0, -1)).toEqual(all.slice(0, words.length - 1))
  })

  it('A17: names are never a part of a command or a path of ours', async () => {
    const call = await writeToneCall({ path: join(folder, '-i $(touch pwned);`id`\n.wav'), seconds: 5 })
    expect((await probeAudio(call.path)).durationSeconds).toBeCloseTo(5, 1)
    await expect(readFile('pwned')).rejects.toThrow('ENOENT')
  })
})

/** Reads every file of a folder, or those named, by our own readers and by ffmpeg, and says how each ended and which files and hosts were opened. */
async function readTraced(
  files: string,
  ...names: string[]
): Promise<{ endings: Record<string, string>; calls: string }> {
  const log = `${files}.log`
  const script = fileURLToPath(new URL('../support/exploit-process.ts', import.meta.url))
  const watch = ['-f', '-qq', '-e', 'trace=open,openat,connect', '-o', log]
  const program = [process.execPath, '--import', 'tsx', script, files, traced?.ffmpeg ?? '', ...names]
  const { stdout } = await promisify(execFile)(traced?.strace ?? '', [...watch, ...program])
  return { endings: JSON.parse(stdout) as Record<string, string>, calls: await readFile(log, 'utf8') }
}

describe.skipIf(traced === null)('exploits', () => {
  it('E3 A04 A05: nine files that name other files or hosts open none of them, in our readers and in ffmpeg', async () => {
    const exploits = join(folder, 'exploits')
    await mkdir(exploits)
    const other = join(folder, 'other-tenant.wav')
    await writeToneCall({ path: other, seconds: 3 })
    const playlist = (uri: string) => `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n${uri}\n#EXT-X-ENDLIST\n`
    const files: Record<string, string> = {
      'hls-file.mp3': playlist(`file://${other}`),
      'hls-path.mp3': playlist(other),
      'hls-http.mp3': playlist('http://127.0.0.1:9/x.wav'),
      'concat.mp3': `concat:${other}|${other}`,
      'subfile.mp3': playlist(`subfile,,start,0,end,0,,:${other}`),
      'ffconcat.mp3': `ffconcat version 1.0\nfile '${other}'\n`,
      'session.mp3': `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n`,
      'dash.mp3': `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation><BaseURL>file://${other}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
      'sheet.mp3': `FILE "${other}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n`,
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(exploits, name), text)
    const { endings, calls } = await readTraced(exploits)
    expect(Object.keys(endings).sort()).toEqual(Object.keys(files).sort())
    for (const ending of Object.values(endings)) expect(ending).toBe('unsupported_format corrupt_audio')
    expect(calls).toContain('hls-file.mp3')
    expect(calls).not.toContain('other-tenant.wav')
    expect(calls).not.toMatch(/connect\(.*AF_INET/)
  })

  it('A05: a name that is a pattern of other names (image2) is no pattern here', async () => {
    const patterns = join(folder, 'patterns')
    await mkdir(patterns)
    const others = ['call-001.wav', 'call-1.wav', 'frame-001.jpg', 'frame-1.jpg']
    const names = ['call-%03d.wav', 'frame-%d.jpg', 'frame-*.jpg']
    for (const name of [...others, ...names]) await writeToneCall({ path: join(patterns, name), seconds: 3 })
    // A picture's own text may hold a pattern as well.
    await writeFile(join(patterns, 'list.jpg'), `${join(patterns, 'frame-%03d.jpg')}\n`)
    const { endings, calls } = await readTraced(patterns, ...names, 'list.jpg')
    expect(endings).toEqual({
      'call-%03d.wav': 'planned recoded',
      'frame-%d.jpg': 'planned recoded',
      'frame-*.jpg': 'planned recoded',
      'list.jpg': 'not_audio corrupt_audio',
    })
    expect(calls).toContain('frame-%d.jpg')
    for (const name of others) expect(calls).not.toContain(join(patterns, name))
    expect(calls).not.toMatch(/connect\(.*AF_INET/)
  })
})

describe.skipIf(encoder === null)('bombs', () => {
  it('A18: twenty at once are worked on by no more threads than there are cores, and events are answered meanwhile', async () => {
    const http = await startHttpApp()
    await http.addPortal()
    const bomb = join(folder, 'bomb.mp3')
    await runFfmpeg(['-f', 'lavfi', '-i', 'sine=r=48000:d=3000', '-ac', '2', '-b:a', '64k', bomb])
    await http.post('/webhooks/bitrix24', callEnd({ CALL_ID: 'warm', CRM_ACTIVITY_ID: '' }))
    const post = async (callId: string) => {
      const startedAt = performance.now()
      const { status } = await http.post('/webhooks/bitrix24', callEnd({ CALL_ID: callId, CRM_ACTIVITY_ID: '' }))
      expect(status).toBe(200)
      await new Promise((resolve) => setTimeout(resolve, 10))
      return performance.now() - startedAt - 10
    }
    const p99 = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0
    // Whatever else the machine does slows these as well.
    const calm: number[] = []
    for (let n = 0; n < 100; n += 1) calm.push(await post(`calm-${n}`))
    const mostMs = Math.max(100, 3 * p99(calm))
    const limits = { ...DEFAULT_PROBE_LIMITS, maxCpuMs: 200 }
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    let [alive, most] = [0, 0]
    const count = (thread: Worker) => {
      most = Math.max(most, ++alive)
      thread.once('exit', () => {
        alive -= 1
      })
    }
    process.on('worker', count)
    let working = true
    const order = { path: bomb, options: defaultPlanOptions }
    const bombs = Promise.allSettled(Array.from({ length: 20 }, () => inAudioThread({ name: 'plan', order }, limits)))
    void bombs.then(() => {
      working = false
    })
    const times: number[] = []
    for (let n = 0; working; n += 1) {
      times.push(await post(`bomb-${n}`))
    }
    delay.disable()
    const ended = await bombs
    expect(ended.every((one) => one.status === 'fulfilled' || /CPU/.test(String(one.reason)))).toBe(true)
    expect(times.length).toBeGreaterThan(50)
    expect(p99(times)).toBeLessThan(mostMs)
    expect(delay.percentile(99) / 1e6).toBeLessThan(mostMs)
    process.off('worker', count)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(availableParallelism())
    await http.close()
    // They give way to the events, so on a busy machine they take their time.
  }, 180_000)
})
