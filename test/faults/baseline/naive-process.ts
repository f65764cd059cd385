// What is held against ours: the webhook adds a job, five BullMQ queues hand it on, p-retry and BullMQ's attempts repeat what fails. No record,
// no fence, no gate: what the manuals of both show. It is no straw man: jobs have ids by the call, locks are short, waits are exponential.
import { createServer } from 'node:http'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import pRetry from 'p-retry'
import { Agent, request } from 'undici'

interface Call {
  readonly memberId: string
  readonly callId: string
  readonly activityId: string
  readonly fileId?: number
  readonly dealId?: number
  readonly text?: string
  readonly verdict?: { quality: string; score: number; reason: string }
}

const environment = process.env
const upstream = environment['NAIVE_UPSTREAM'] ?? ''
const scale = Number(environment['NAIVE_SCALE'] ?? '1')
const portals = JSON.parse(environment['NAIVE_PORTALS'] ?? '[]') as { memberId: string; apiKey: string }[]
const keyOf = new Map(portals.map((portal) => [portal.memberId, portal.apiKey]))
const steps = ['locate', 'fetch', 'transcribe', 'classify', 'timeline'] as const
type Step = (typeof steps)[number]
const agent = new Agent({ connections: 64 })
const redis = new Redis(environment['REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
const say = (level: string, message: string) => process.stderr.write(`${JSON.stringify({ level, message })}\n`)
redis.on('error', (error) => say('error', error.message))

class Refused extends Error {
  readonly status: number
  constructor(status: number) {
    super(`the upstream answered ${status}`)
    this.status = status
  }
}

async function ask(
  call: Call,
  method: 'GET' | 'POST',
  path: string,
  body?: string | Buffer,
  type = 'application/json',
) {
  const answer = await request(`${upstream}${path}`, {
    method,
    headers: { 'x-api-key': keyOf.get(call.memberId) ?? '', 'content-type': type },
    body: body ?? null,
    dispatcher: agent,
    headersTimeout: 60_000 * scale,
    bodyTimeout: 60_000 * scale,
  })
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  if (answer.statusCode >= 300) throw new Refused(answer.statusCode)
  return bytes
}

/** Three tries of what may pass by itself, as the seed of every tutorial has it. */
function patiently<Value>(work: () => Promise<Value>): Promise<Value> {
  return pRetry(work, {
    retries: 2,
    minTimeout: 300,
    shouldRetry: ({ error }) => !(error instanceof Refused) || error.status === 429 || error.status >= 500,
  })
}

const json = (bytes: Buffer) => JSON.parse(bytes.toString('utf8'))
const files = new Map<string, Buffer>()

const work: Record<Step, (call: Call) => Promise<Call>> = {
  async locate(call) {
    const query = new URLSearchParams({ 'filter[CALL_ID]': call.callId })
    const found = json(await patiently(() => ask(call, 'GET', `/calls/statistics?${query}`)))
    const bound = json(await patiently(() => ask(call, 'GET', `/activities/${call.activityId}/bindings`)))
    const deal = bound.data.find((one: { entityTypeId: number }) => Number(one.entityTypeId) === 2)
    return { ...call, fileId: Number(found.data[0].RECORD_FILE_ID), dealId: Number(deal.entityId) }
  },
  async fetch(call) {
    await patiently(() => ask(call, 'GET', `/files/${call.fileId}`))
    return call
  },
  async transcribe(call) {
    const name = `${call.memberId} ${call.fileId}`
    const bytes = files.get(name) ?? (await patiently(() => ask(call, 'GET', `/files/${call.fileId}/download`)))
    const boundary = 'naive-boundary'
    const body = Buffer.concat([
      Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="call.wav"\r\ncontent-type: audio/wav\r\n\r\n`,
      ),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ])
    const type = `multipart/form-data; boundary=${boundary}`
    const heard = json(await patiently(() => ask(call, 'POST', '/audio/transcriptions', body, type)))
    return { ...call, text: heard.text }
  },
  async classify(call) {
    const order = {
      model: 'bitrix/bitrixgpt-5.5',
      response_format: { type: 'json_object' },
      messages: [
        { role: 'system', content: 'Classify the lead. Answer JSON: quality, score, reason.' },
        { role: 'user', content: call.text ?? '' },
      ],
    }
    const said = json(await patiently(() => ask(call, 'POST', '/chat/completions', JSON.stringify(order))))
    return { ...call, verdict: JSON.parse(said.choices[0].message.content) }
  },
  async timeline(call) {
    const { quality, score, reason } = call.verdict ?? { quality: 'low', score: 0, reason: '' }
    const entry = {
      entityType: 'deal',
      entityTypeId: 2,
      entityId: call.dealId,
      title: `AI classification: ${quality} (${score}/100)`,
      text: reason || 'no reason',
    }
    await patiently(() => ask(call, 'POST', '/timeline-logs', JSON.stringify(entry)))
    return call
  },
}

const options = {
  attempts: 6,
  backoff: { type: 'exponential', delay: 2_000 * scale },
  removeOnComplete: 5_000,
  removeOnFail: 5_000,
} as const
const connection = redis
const queues = Object.fromEntries(steps.map((step) => [step, new Queue<Call>(step, { connection, prefix: 'naive' })]))
for (const queue of Object.values(queues)) queue.on('error', (error) => say('error', error.message))
const idOf = (call: Call) => `${call.memberId}-${call.callId}`.replaceAll(/[^\w.-]/g, '-')

if (process.argv[2] === 'serve') {
  createServer(async (incoming, response) => {
    if (incoming.url === '/livez') return void response.end('{}')
    const pieces: Buffer[] = []
    for await (const piece of incoming) pieces.push(piece as Buffer)
    const form = new URLSearchParams(Buffer.concat(pieces).toString('utf8'))
    const call: Call = {
      memberId: form.get('auth[member_id]') ?? '',
      callId: form.get('data[CALL_ID]') ?? '',
      activityId: form.get('data[CRM_ACTIVITY_ID]') ?? '',
    }
    try {
      await queues['locate']?.add('call', call, { ...options, jobId: idOf(call) })
      response.writeHead(200).end('{}')
    } catch (error) {
      say('error', String(error))
      response.writeHead(500).end()
    }
  }).listen(Number(environment['NAIVE_PORT']), '127.0.0.1')
} else {
  for (const [place, step] of steps.entries()) {
    const worker = new Worker<Call>(
      step,
      async (job) => {
        const next = await work[step](job.data)
        const after = steps[place + 1]
        if (after !== undefined) await queues[after]?.add('call', next, { ...options, jobId: idOf(next) })
      },
      {
        connection: new Redis(environment['REDIS_URL'] ?? '', { maxRetriesPerRequest: null }).on('error', (error) =>
          say('error', error.message),
        ),
        prefix: 'naive',
        concurrency: 8,
        // BullMQ's defaults (30 s), at the scale of the run: at the true scale it needs a minute to notice a dead worker.
        lockDuration: 30_000 * scale,
        stalledInterval: 30_000 * scale,
      },
    )
    worker.on('error', (error) => say('error', error.message))
    worker.on('failed', (_job, error) => say('warn', error.message))
  }
}
process.on('SIGTERM', () => process.exit(0))
