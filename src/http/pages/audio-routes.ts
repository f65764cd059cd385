import type { FastifyInstance } from 'fastify'
import { readCallStory } from '../../db/call-story.ts'
import { isStepFailure } from '../../errors.ts'
import { findCall } from '../../ops/find-call.ts'
import { Problem } from '../problem.ts'
import { createAudioRanges, readOpenRange } from './audio-ranges.ts'
import { createAudioSpool, type Sound } from './audio-spool.ts'
import type { PageScope } from './page-scope.ts'

const types: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  ogg: 'audio/ogg',
  opus: 'audio/ogg',
  flac: 'audio/flac',
  m4a: 'audio/mp4',
  mp4: 'audio/mp4',
  aac: 'audio/aac',
  webm: 'audio/webm',
}

/**
 * The recording of a call, for whoever may see the call: passed on from where it lies by the ranges that the player asks for; from a copy
 * where its host knows no ranges, or the whole is asked for.
 */
export async function audioRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages
  const spool = createAudioSpool(app)
  const ranges = createAudioRanges(app)
  scope.addHook('onClose', async () => {
    ranges.stop()
    await spool.stop()
  })

  scope.get<{ Params: { id: string } }>('/calls/:id/audio', async (request, reply) => {
    const { id } = await findCall(app, { call: request.params.id.slice(0, 300) })
    const asked = spool.holds(id) ? null : readOpenRange(request.headers.range)
    const part = asked === null ? null : await told(() => ranges.read(id, asked))
    if (part?.kind === 'beyond') return reply.code(416).headers(beyond(part.size)).send()
    if (part?.kind === 'part') {
      return reply
        .code(206)
        .headers({ ...always, 'content-range': `bytes ${part.from}-${part.from + part.bytes.length - 1}/${part.size}` })
        .type(await typeOf(id))
        .send(part.bytes)
    }
    const sound = await openSound(() => spool.open(id))
    const range = readRange(request.headers.range, sound.bytes)
    if (range === 'bad') {
      await sound.close()
      return reply.code(416).headers(beyond(sound.bytes)).send()
    }
    const { from, to } = range ?? { from: 0, to: sound.bytes - 1 }
    if (range !== null) reply.code(206).header('content-range', `bytes ${from}-${to}/${sound.bytes}`)
    return reply
      .headers({ ...always, 'content-length': String(to - from + 1) })
      .type(await typeOf(id))
      .send(sound.read(from, to))
  })

  async function typeOf(callId: string): Promise<string> {
    const { steps } = await readCallStory(app.db, callId)
    const plan = steps.find((step) => step.name === 'planAudio')?.output as { format?: unknown } | null | undefined
    const format = typeof plan?.format === 'string' ? plan.format.toLowerCase() : ''
    return types[format] ?? 'application/octet-stream'
  }
}

const always = { 'accept-ranges': 'bytes', 'cache-control': 'private, no-store' }
const beyond = (size: number | null) => (size === null ? {} : { 'content-range': `bytes */${size}` })

async function openSound(open: () => Promise<Sound | null>): Promise<Sound> {
  const sound = await told(open)
  if (sound !== null && sound.bytes > 0) return sound
  await sound?.close()
  throw new Problem(404, 'no_recording', 'There is no recording of this call.', 'The transcript stands without it.')
}

/** What a step would wait for or give up on, a listener is told. */
async function told<Value>(ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask()
  } catch (error) {
    if (!isStepFailure(error)) throw error
    throw new Problem(503, error.class, error.message, error.hint ?? 'Try again later; the transcript stands.', {
      'retry-after': '30',
    })
  }
}

/** One range of `bytes=…`; null for the whole, `bad` where it lies outside. Several at once are answered with the whole. */
export function readRange(header: string | undefined, bytes: number): { from: number; to: number } | 'bad' | null {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (found === null || (found[1] === '' && found[2] === '')) return null
  const from = found[1] === '' ? Math.max(0, bytes - Number(found[2])) : Number(found[1])
  const to = found[1] === '' || found[2] === '' ? bytes - 1 : Math.min(bytes - 1, Number(found[2]))
  return from > to || from >= bytes ? 'bad' : { from, to }
}
