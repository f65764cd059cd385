import { createServer, type IncomingHttpHeaders } from 'node:http'

export interface ReceivedAlert {
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  readonly body: Record<string, unknown>
}

/** Stands for whoever is told: keeps what comes, and answers as it is told to. */
export interface AlertReceiver {
  readonly url: string
  readonly host: string
  readonly received: ReceivedAlert[]
  answerWith(status: number, headers?: Record<string, string>): void
  close(): Promise<void>
}

export async function startAlertReceiver(): Promise<AlertReceiver> {
  const received: ReceivedAlert[] = []
  let answer: { status: number; headers: Record<string, string> } = { status: 204, headers: {} }
  const server = createServer((request, response) => {
    let raw = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => {
      raw += piece
    })
    request.on('end', () => {
      received.push({ headers: request.headers, raw, body: JSON.parse(raw) as Record<string, unknown> })
      response.writeHead(answer.status, answer.headers).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port')
  const host = `127.0.0.1:${address.port}`
  return {
    url: `http://${host}/hooks/alerts?token=of-the-chat`,
    host,
    received,
    answerWith: (status, headers = {}) => {
      answer = { status, headers }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
