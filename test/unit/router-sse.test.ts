import { expect, test } from 'vitest'
import { frameData, SseFrames } from '../../src/router/sse-frames.ts'

const stream = ': keep-alive\r\n\r\ndata: {"say":"щука 🐟"}\r\n\r\ndata: {"error":{"message":"нет"}}\n\ndata: half'

test('U20 a stream cut at any byte, in a letter or between CR and LF, gives the same frames, comments without data, and no half of one', () => {
  const bytes = Buffer.from(stream)
  for (let at = 1; at < bytes.length; at += 1) {
    const frames = new SseFrames()
    const whole = [...frames.take(bytes.subarray(0, at)), ...frames.take(bytes.subarray(at))]
    expect(whole.map(frameData)).toEqual([null, '{"say":"щука 🐟"}', '{"error":{"message":"нет"}}'])
    expect(Buffer.concat([...whole, frames.rest]).equals(bytes)).toBe(true)
  }
})

test('U20 a line of 10 MB is one frame, and one that never ends is refused within its bound', () => {
  const long = `data: ${'a'.repeat(10 * 1024 * 1024)}\n\n`
  expect(new SseFrames().take(Buffer.from(long)).map((frame) => frame.length)).toEqual([long.length])
  const endless = new SseFrames()
  const piece = Buffer.alloc(4 * 1024 * 1024, 'a')
  expect(() => Array.from({ length: 5 }, () => endless.take(piece))).toThrow(/longer than/)
})
