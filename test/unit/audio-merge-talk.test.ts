import { describe, expect, it } from 'vitest'
import { findSpeech } from '../../src/audio/find-speech.ts'
import { mergeTranscript } from '../../src/audio/merge/merge-transcript.ts'
import { WINDOW_SECONDS } from '../../src/audio/sound-meter.ts'
import { heardPart, said, span } from '../support/heard-part.ts'

/** The levels of a channel on which somebody speaks from the first to the second number of each pair, of 100 s. */
function channel(...turns: readonly (readonly [number, number])[]): Float32Array {
  const levels = new Float32Array(100 / WINDOW_SECONDS).fill(-90)
  for (const [from, to] of turns) levels.fill(-20, from / WINDOW_SECONDS, to / WINDOW_SECONDS)
  return levels
}
function talkOf(agent: Float32Array, customer: Float32Array) {
  const parts = (['agent', 'customer'] as const).map((speaker, index) =>
    heardPart({ index, channel: index, speaker, spans: [span(0, 100)] }, { segments: [said(1, 2, speaker)] }),
  )
  return mergeTranscript(parts, [findSpeech(agent), findSpeech(customer)]).talk
}

describe('how long each side speaks', () => {
  it('is the time of its voice, without what is sent around it so that no sound is cut off', () => {
    expect(talkOf(channel([10, 20], [40, 50]), channel([25, 35]))).toEqual({
      agentSeconds: 20,
      customerSeconds: 10,
      agentShare: 0.667,
      silences: { count: 2, seconds: 10, longestSeconds: 5 },
      interruptions: { byAgent: 0, byCustomer: 0 },
    })
  })
  it('counts a silence just above three seconds, and none just below', () => {
    expect(talkOf(channel([10, 20]), channel([23.2, 30])).silences).toEqual({
      count: 1,
      seconds: 3.2,
      longestSeconds: 3.2,
    })
    expect(talkOf(channel([10, 20]), channel([22.8, 30])).silences.count).toBe(0)
  })
})

describe('interruptions', () => {
  it('are none where one begins as the other ends', () => {
    expect(talkOf(channel([10, 20]), channel([20, 30])).interruptions).toEqual({ byAgent: 0, byCustomer: 0 })
    expect(talkOf(channel([10, 20]), channel([19.6, 30])).interruptions).toEqual({ byAgent: 0, byCustomer: 0 })
  })
  it('are counted from half a second together on', () => {
    expect(talkOf(channel([10, 20]), channel([19.4, 30])).interruptions).toEqual({ byAgent: 0, byCustomer: 1 })
    expect(talkOf(channel([18, 26]), channel([10, 20], [40, 41])).interruptions).toEqual({ byAgent: 1, byCustomer: 0 })
  })
})

it('where the voices are mixed, silences alone are told', () => {
  const part = heardPart({ spans: [span(0, 100)] }, { segments: [said(1, 2, 'a')] })
  const { talk } = mergeTranscript([part], [findSpeech(channel([10, 20], [30, 40]))])
  expect(talk).toEqual({
    agentSeconds: null,
    customerSeconds: null,
    agentShare: null,
    silences: { count: 1, seconds: 10, longestSeconds: 10 },
    interruptions: null,
  })
})
