// The ceiling of intake: a node:http server that reads the same form and commits one row a request, gathered for the same 5 ms.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'

const windowMs = 5
const maxBatch = 100
const pool = new pg.Pool({ connectionString: process.argv[2], max: 4 })
await pool.query(
  'create table bench_intake (id bigint generated always as identity primary key, call text, form jsonb)',
)

interface Waiting {
  readonly form: Record<string, string>
  done(stored: boolean): void
}
const waiting: Waiting[] = []
let timer: NodeJS.Timeout | null = null
let underWay = 0

async function store(batch: readonly Waiting[]): Promise<void> {
  underWay += 1
  const stored = await pool
    .query('insert into bench_intake (call, form) select * from unnest($1::text[], $2::jsonb[])', [
      batch.map((one) => one.form['data[CALL_ID]']),
      batch.map((one) => JSON.stringify(one.form)),
    ])
    .then(() => true)
    .catch(() => false)
  underWay -= 1
  for (const one of batch) one.done(stored)
  if (waiting.length > 0 && timer === null) flush()
}

function flush(): void {
  timer = null
  while (waiting.length > 0 && underWay < 2) void store(waiting.splice(0, maxBatch))
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString('utf8')
}

const server = createServer(async (request, response) => {
  const form = Object.fromEntries(new URLSearchParams(await readText(request)))
  waiting.push({
    form,
    done: (stored) => response.writeHead(stored ? 200 : 503, { 'content-type': 'application/json' }).end('{"ok":true}'),
  })
  if (waiting.length < maxBatch) timer ??= setTimeout(flush, windowMs)
  else {
    if (timer !== null) clearTimeout(timer)
    flush()
  }
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.once('SIGTERM', () => process.exit(0))
