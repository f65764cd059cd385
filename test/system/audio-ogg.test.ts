import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EncodedPacketSink, FilePathSource, Input, OGG } from 'mediabunny'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openByteSource } from '../../src/audio/byte-source.ts'
import { cutPart } from '../../src/audio/cut.ts'
import { OPUS_RATE, readOggOpus } from '../../src/audio/ogg-opus.ts'
import { OddOgg } from '../../src/audio/ogg-pages.ts'
import { probeAudio } from '../../src/audio/probe.ts'
import { walkPackets } from '../../src/audio/walk-packets.ts'
import { needsPrograms } from '../support/needs.ts'
import { runFfmpeg, writeToneCall } from '../support/tone-calls.ts'

const programs = await needsPrograms('Opus recordings, packet by packet', ['ffmpeg'])
const SECONDS = 47.3
let folder: string
let wav: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-ogg-'))
  wav = join(folder, 'call.wav')
  await writeToneCall({ path: wav, seconds: SECONDS })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Facts = { size: number; from: number; to: number }[]

async function readOurs(path: string, fromSamples = 0): Promise<Facts> {
  const bytes = await openByteSource(path)
  try {
    const facts: Facts = []
    for await (const { packets } of readOggOpus(bytes, fromSamples))
      for (const { data, from, to } of packets) facts.push({ size: data.length, from, to })
    return facts
  } finally {
    await bytes.close()
  }
}

async function readByLibrary(path: string): Promise<Facts> {
  const input = new Input({ source: new FilePathSource(path), formats: [OGG] })
  try {
    const track = await input.getPrimaryAudioTrack()
    const facts: Facts = []
    for await (const { byteLength, timestamp, duration } of walkPackets(new EncodedPacketSink(track as never))) {
      const from = Math.round(timestamp * OPUS_RATE)
      facts.push({ size: byteLength, from, to: from + Math.round(duration * OPUS_RATE) })
    }
    return facts
  } finally {
    input.dispose()
  }
}

const kinds = {
  'mono speech': ['-c:a', 'libopus', '-b:a', '16k', '-ar', '16000'],
  'stereo music in packets of 5 ms': ['-c:a', 'libopus', '-b:a', '96k', '-ac', '2', '-frame_duration', '5'],
  'packets of 60 ms': ['-c:a', 'libopus', '-b:a', '12k', '-frame_duration', '60'],
  'packets of 120 ms, three frames each': ['-c:a', 'libopus', '-b:a', '24k', '-frame_duration', '120'],
  'packets that go over pages': ['-c:a', 'libopus', '-b:a', '256k', '-vbr', 'off', '-page_duration', '20000'],
  'one page for all that fits': ['-c:a', 'libopus', '-b:a', '16k', '-page_duration', '60000000'],
}

describe.skipIf(programs === null)('an Ogg file of one Opus stream', () => {
  it.each(Object.entries(kinds))('is read as the general demuxer reads it: %s', async (name, args) => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.ogg`)
    await runFfmpeg(['-i', wav, ...args, path])
    const ours = await readOurs(path)
    expect(ours).toEqual(await readByLibrary(path))
    expect((ours.at(-1)?.to ?? 0) / OPUS_RATE).toBeCloseTo(SECONDS, 1)
    // From a moment on: all that lies after it, at the same times.
    const later = ours.filter((one) => one.to > 20 * OPUS_RATE)
    expect((await readOurs(path, 20 * OPUS_RATE)).slice(-later.length)).toEqual(later)
  })

  it('is cut into a file whose packets, lengths and checksums other programs accept', async () => {
    const [source, target] = [join(folder, 'whole.ogg'), join(folder, 'part.ogg')]
    await runFfmpeg(['-i', wav, ...kinds['mono speech'], source])
    const spans = [{ startSeconds: 10, endSeconds: 30 }]
    const { timeMap } = await cutPart({ source, format: 'ogg', encoding: 'copy', spans, channel: null, target })
    const [first] = timeMap
    expect(first?.atSeconds).toBe(0)
    expect(first?.fromSeconds).toBeGreaterThan(9.8)
    expect(first?.fromSeconds).toBeLessThanOrEqual(9.86)
    const packets = await readOurs(target)
    expect(await readByLibrary(target)).toEqual(packets)
    const wanted = (await readOurs(source)).filter(({ from, to }) => to > 9.85 * OPUS_RATE && from < 30 * OPUS_RATE)
    expect(packets.map((one) => one.size)).toEqual(wanted.map((one) => one.size))
    // -xerror: a page whose checksum is wrong ends it.
    await runFfmpeg(['-xerror', '-err_detect', 'crccheck+explode', '-i', target, join(folder, 'heard.wav')])
    expect((await probeAudio(join(folder, 'heard.wav'))).durationSeconds).toBeCloseTo(20.15, 1)
  })

  it('with a page lost, another stream behind it or noise between pages is left to the general demuxer', async () => {
    const path = join(folder, 'odd.ogg')
    await runFfmpeg(['-i', wav, ...kinds['mono speech'], path])
    const whole = await readFile(path)
    const pages: number[] = []
    for (let at = whole.indexOf('OggS'); at >= 0; at = whole.indexOf('OggS', at + 1)) pages.push(at)
    const [lost, after] = [pages[10] ?? 0, pages[11] ?? 0]
    for (const { odd, truncated } of [
      { odd: Buffer.concat([whole.subarray(0, lost), whole.subarray(after)]), truncated: false },
      { odd: Buffer.concat([whole, whole]), truncated: true },
      { odd: Buffer.concat([whole.subarray(0, after), Buffer.from('noise'), whole.subarray(after)]), truncated: true },
    ]) {
      await writeFile(path, odd)
      await expect(readOurs(path)).rejects.toThrow(OddOgg)
      const probe = await probeAudio(path)
      expect(probe.codec).toBe('opus')
      expect(probe.durationSeconds).toBeGreaterThan(5)
      expect(probe.truncated).toBe(truncated)
      const target = join(folder, `odd-${odd.length}.ogg`)
      const spans = [{ startSeconds: 1, endSeconds: 6 }]
      await cutPart({ source: path, format: 'ogg', encoding: 'copy', spans, channel: null, target })
      expect((await probeAudio(target)).durationSeconds).toBeGreaterThan(4.9)
    }
    // What a break in the transfer leaves: all that is whole.
    await writeFile(path, whole.subarray(0, after + 100))
    expect((await probeAudio(path)).durationSeconds).toBeGreaterThan(5)
  })
})
