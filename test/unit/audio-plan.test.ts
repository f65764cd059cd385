import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findCut } from '../../src/audio/find-cut.ts'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import { defaultPlanOptions, planParts } from '../../src/audio/plan.ts'
import type { Probe } from '../../src/audio/probe.ts'
import { WINDOW_SECONDS } from '../../src/audio/sound-meter.ts'
import { lengthOf } from '../../src/audio/spans.ts'

function probeOf(levels: Float32Array, over: Partial<Probe> = {}): Probe {
  return {
    format: 'wav',
    codec: 'pcm_s16le',
    channels: 1,
    sampleRate: 16_000,
    bitrate: 256_000,
    speechRatio: 0.5,
    channelSpeech: [0.5],
    alike: false,
    speechMeasure: 'samples',
    peaks: [[]],
    rmsDb: -20,
    truncated: false,
    durationSeconds: levels.length * WINDOW_SECONDS,
    levels: [levels],
    ...over,
  }
}

/** A sound of `seconds` with a pause of a second at each of `pauses`. */
function talk(seconds: number, pauses: readonly number[]): Float32Array {
  const levels = Float32Array.from({ length: Math.round(seconds / WINDOW_SECONDS) }, (_, index) => -20 - (index % 7))
  for (const at of pauses)
    levels.fill(-70, Math.round(at / WINDOW_SECONDS), Math.round(at / WINDOW_SECONDS) + Math.round(1 / WINDOW_SECONDS))
  return levels
}

describe('the limit on bytes', () => {
  it('holds for each part that is copied, wherever the pauses lie', () => {
    const call = fc.integer({ min: 1_700, max: 6_000 }).chain((seconds) =>
      fc.record({
        seconds: fc.constant(seconds),
        pauses: fc.array(fc.integer({ min: 0, max: seconds - 2 }), { maxLength: 60 }),
        bitrate: fc.constantFrom(64_000, 128_000, 256_000, 300_000),
      }),
    )
    fc.assert(
      fc.property(call, ({ seconds, pauses, bitrate }) => {
        const { encoding, parts } = planParts(probeOf(talk(seconds, pauses), { bitrate }))
        expect(encoding).toBe('copy')
        for (const part of parts)
          expect((lengthOf(part.spans) * bitrate) / 8).toBeLessThanOrEqual(defaultPlanOptions.maxPartBytes)
      }),
      { numRuns: 20 },
    )
  })
  it('holds where the only pauses lie far before one mark and far after the next', () => {
    for (let seconds = 1_700; seconds < 6_000; seconds += 300) {
      const bitrate = 256_000
      const count = planParts(probeOf(talk(seconds, []), { bitrate })).parts.length
      for (const away of [25, 40, 55]) {
        const pauses = Array.from(
          { length: count - 1 },
          (_, index) => (seconds * (index + 1)) / count + (index % 2 === 0 ? -away : away),
        )
        for (const part of planParts(probeOf(talk(seconds, pauses), { bitrate })).parts)
          expect((lengthOf(part.spans) * bitrate) / 8).toBeLessThanOrEqual(defaultPlanOptions.maxPartBytes)
      }
    }
  })
  it('leaves room to look for a pause, half a minute to both sides', () => {
    for (let seconds = 1_700; seconds < 6_000; seconds += 300) {
      const pauses = Array.from({ length: seconds / 55 }, (_, index) => index * 55 + 20)
      const { parts } = planParts(probeOf(talk(seconds, pauses)))
      expect(parts.length).toBeGreaterThan(2)
      expect(parts.slice(1).every((part) => part.seam === 'pause')).toBe(true)
    }
  })
})

describe('sound of one loudness', () => {
  it('is no pause: music, a tone, or packets of one size are cut hard', () => {
    expect(findCut(new Float32Array(10_000).fill(0), 100, 60).seam).toBe('hard')
    expect(findCut(new Float32Array(10_000).fill(-30), 100, 60).seam).toBe('hard')
    const hum = Float32Array.from({ length: 10_000 }, (_, index) => -30 + Math.sin(index) * 0.9)
    expect(findCut(hum, 100, 60).seam).toBe('hard')
    expect(findCut(new Float32Array(10_000).fill(0), 100, 60).atSeconds).toBeCloseTo(100, 1)
  })
  it('is cut where it stops for a moment', () => {
    const tone = new Float32Array(10_000).fill(-30)
    tone.fill(-60, 4_000, 4_050)
    expect(findCut(tone, 100, 60)).toEqual({ atSeconds: 80.5, seam: 'pause' })
  })
  it('is one where it is silence', () => {
    expect(findCut(new Float32Array(10_000).fill(-120), 100, 60).seam).toBe('pause')
    const hiss = Float32Array.from({ length: 10_000 }, (_, index) => -65 + Math.sin(index) * 0.9)
    expect(findCut(hiss, 100, 60).seam).toBe('pause')
  })
})

describe('a recording whose loudness nobody can tell', () => {
  const levels = new Float32Array(500)
  const plan = planParts(probeOf(levels, { format: 'm4a', codec: 'aac', speechMeasure: 'none' }))

  it('loses none of the short phrases that are also written over silence', () => {
    const [part] = plan.parts
    if (part === undefined) throw new Error('no part')
    const segments = [
      { start: 0, end: 1, text: 'Спасибо.' },
      { start: 2, end: 4, text: 'До свидания.' },
    ]
    const timeMap = [{ atSeconds: 0, fromSeconds: 0 }]
    const merged = mergeTranscript([{ part, timeMap, text: '', language: 'ru', segments }], plan.speech)
    expect(merged.segments.map((one) => one.text)).toEqual(['Спасибо.', 'До свидания.'])
    const told = mergeTranscript([{ part, timeMap, text: 'Спасибо.', language: 'ru', segments: null }], plan.speech)
    expect(told.segments.map((one) => one.text)).toEqual(['Спасибо.'])
  })
})

describe('a hard seam in whose overlap nobody speaks', () => {
  it('is a sure one: nothing can be doubled there', () => {
    const part = { index: 0, channel: null, speaker: null, seam: 'start' as const, overlapSeconds: 0 }
    const first = { ...part, spans: [{ startSeconds: 0, endSeconds: 70 }] }
    const second = {
      ...part,
      index: 1,
      seam: 'hard' as const,
      overlapSeconds: 10,
      spans: [{ startSeconds: 60, endSeconds: 120 }],
    }
    const heard = (from: number) => ({ timeMap: [{ atSeconds: 0, fromSeconds: from }], text: '', language: null })
    const merged = mergeTranscript(
      [
        { ...heard(0), part: first, segments: [{ start: 1, end: 50, text: 'one' }] },
        { ...heard(60), part: second, segments: [{ start: 20, end: 30, text: 'two' }] },
      ],
      [[{ startSeconds: 0, endSeconds: 120 }]],
    )
    expect(merged.segments.map((one) => one.text)).toEqual(['one', 'two'])
    expect(merged.openSeams).toEqual([])
  })
})
