import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { scanMp3Frames } from '../../src/audio/mp3-frames.ts'
import { encodeWav } from '../../src/audio/wav.ts'
import { createRecogniser } from '../../src/sandbox/recogniser.ts'
import { decodeTones, encodeTones } from '../../src/sandbox/tones.ts'

const fixture = (name: string) => readFile(new URL(`../fixtures/audio/${name}`, import.meta.url))
const words = async () => (await fixture('tones.txt')).toString('utf8').trim()
const toFloats = (samples: Int16Array) => Float32Array.from(samples, (value) => value / 32768)

describe('words coded as tones', () => {
  it.each([
    'tones-8000-16k.mp3',
    'tones-8000-32k.mp3',
    'tones-16000-16k.mp3',
    'tones-16000-32k.mp3',
    'tones-mulaw.wav',
  ])('come back exactly from %s, as a real encoder wrote it', async (name) => {
    const heard = await (await createRecogniser()).recognise(await fixture(name))
    expect(heard?.text).toBe(await words())
  })

  it('last about an eighth of a second a character', async () => {
    const text = await words()
    const perSecond = text.length / (encodeTones(text).length / 8000)
    expect(perSecond).toBeGreaterThan(7)
    expect(perSecond).toBeLessThan(11)
  })

  it('carry the time at which each word is heard', () => {
    const heard = decodeTones(toFloats(encodeTones('one two.')), 8000).words
    expect(heard.map(({ text }) => text)).toEqual(['one', 'two.'])
    // 0.3 s of lead, eight tones of 40 ms for the first word, 0.1 s of pause.
    expect(heard[0]?.start).toBeCloseTo(0.3, 2)
    expect(heard[1]?.start).toBeCloseTo(0.3 + 8 * 0.04 + 0.1, 2)
  })

  it('show a cut: a word that was cut is heard on neither side, all others once', async () => {
    const text = await words()
    const frames = scanMp3Frames(await fixture('tones-8000-32k.mp3')).map((frame) => frame.bytes)
    const recogniser = await createRecogniser()
    const cut = Math.floor(frames.length / 2)
    const left = await recogniser.recognise(Buffer.concat(frames.slice(0, cut)))
    const right = await recogniser.recognise(Buffer.concat(frames.slice(cut)))
    const heard = `${left?.text} ${right?.text}`.split(' ')
    const sent = text.split(' ')
    expect(sent.length - heard.length).toBeLessThanOrEqual(2)
    expect(heard.every((word) => sent.includes(word))).toBe(true)
    expect(left && right && left.segments.length > 0 && right.segments.length > 0).toBe(true)
  })

  it('are not heard in another sound', () => {
    const hum = Float32Array.from(
      { length: 80_000 },
      (_, index) => 0.4 * Math.sin(index / 3) + 0.4 * Math.sin(index / 1.4),
    )
    expect(decodeTones(hum, 8000).words).toEqual([])
  })

  it('say a question mark for what the code page lacks', async () => {
    const heard = await (await createRecogniser()).recognise(encodeWav(encodeTones('цена 漢 да'), 8000))
    expect(heard?.text).toBe('цена ? да')
  })
})
