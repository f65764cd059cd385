// A closed loop of requests over bare sockets: a client library would cost more than the routers do, and be what is measured.
import { connect, type Socket } from 'node:net'
import type { RouterLoadOrder, RouterLoadResult } from './router-load.ts'

const deltas = 64
const messages = [
  { role: 'system', content: 'Classify the lead from the call text. Return JSON.' },
  { role: 'user', content: 'Vector LLC. CRM for 50 users, budget up to 500 thousand per month.' },
]

interface Answered {
  readonly ms: number
  readonly firstMs: number
  readonly isWhole: boolean
}

/** One connection that is kept; one request at a time. */
class Line {
  readonly #socket: Socket
  #text = ''
  #look: (() => void) | null = null
  constructor(url: URL) {
    this.#socket = connect(Number(url.port), url.hostname)
    this.#socket.setNoDelay(true)
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (piece: string) => {
      this.#text += piece
      this.#look?.()
    })
    this.#socket.on('close', () => this.#look?.())
    this.#socket.on('error', () => undefined)
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  async ask(request: Buffer, isStream: boolean): Promise<Answered> {
    this.#text = ''
    const began = performance.now()
    let firstMs = Number.NaN
    this.#socket.write(request)
    return await new Promise((resolve) => {
      this.#look = () => {
        if (Number.isNaN(firstMs) && this.#text.includes('<0>')) firstMs = performance.now() - began
        const ended = isEnded(this.#text)
        if (!ended && this.isOpen) return
        this.#look = null
        const ms = performance.now() - began
        resolve({
          ms,
          firstMs,
          isWhole: ended && this.#text.startsWith('HTTP/1.1 200') && isWhole(this.#text, isStream),
        })
      }
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

function isEnded(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1]
  if (length !== undefined) return text.length >= end + 4 + Number(length)
  return text.endsWith('\r\n0\r\n\r\n')
}

function isWhole(text: string, isStream: boolean): boolean {
  if (!isStream) return text.includes('customer relationship')
  let at = 0
  for (let n = 0; n < deltas; n += 1) {
    at = text.indexOf(`"<${n}>"`, at)
    if (at < 0) return false
  }
  return text.indexOf('data: [DONE]', at) > 0 && !text.includes('"error"')
}

async function run(order: RouterLoadOrder): Promise<RouterLoadResult> {
  const url = new URL(order.origin)
  const isStream = order.kind === 'stream'
  const body = Buffer.from(JSON.stringify({ model: order.model, messages, ...(isStream ? { stream: true } : {}) }))
  const headers = {
    host: url.host,
    'content-type': 'application/json',
    'content-length': body.length,
    ...order.headers,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const path = `${url.pathname.replace(/\/$/, '')}/chat/completions`
  const request = Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n`), body])
  const answers: Answered[] = []
  let begun = 0
  const startedAt = performance.now()
  const until = startedAt + order.seconds * 1_000
  const walk = async () => {
    let line = new Line(url)
    while (begun < order.requests && performance.now() < until) {
      begun += 1
      if (!line.isOpen) line = new Line(url)
      answers.push(await line.ask(request, isStream))
    }
    line.close()
  }
  await Promise.all(Array.from({ length: order.connections }, walk))
  const seconds = (performance.now() - startedAt) / 1_000
  const good = answers.filter((one) => one.isWhole)
  // What failed has no latency that means anything.
  const times = good.map((one) => (isStream ? one.firstMs : one.ms)).sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
  return {
    perSecond: good.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    answered: answers.length,
    whole: good.length,
  }
}

process.on('message', (order: RouterLoadOrder | string) => {
  if (typeof order === 'string') return
  void run(order).then((result) => process.send?.(result))
})
process.once('SIGTERM', () => process.exit(0))
// Being measured does not keep a process alive; waiting for orders does.
process.channel?.ref()
