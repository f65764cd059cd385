import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { Measured } from './processes.ts'

const bytes = 120_000_000
const piece = Buffer.alloc(256 * 1024, 0x55)

export interface Uploaded {
  readonly peakMb: number
  readonly seconds: number
  /** Answers with 200. */
  readonly answered: number
}

/** Three recordings of 120 MB at once, and the most memory that the process had meanwhile. */
export async function uploadThree(
  target: { readonly origin: string; readonly headers: Readonly<Record<string, string>>; readonly model: string },
  measured: Measured,
): Promise<Uploaded> {
  let peakMb = memoryMb(measured)
  const watching = setInterval(() => {
    peakMb = Math.max(peakMb, memoryMb(measured))
  }, 20)
  const began = performance.now()
  const statuses = await Promise.all([1, 2, 3].map(() => upload(target)))
  clearInterval(watching)
  const seconds = (performance.now() - began) / 1_000
  return {
    peakMb: Math.max(peakMb, memoryMb(measured)),
    seconds,
    answered: statuses.filter((one) => one === 200).length,
  }
}

/** Asked of the system and not of the process: one that is busy would answer when it is over. */
function memoryMb({ child }: Measured): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}

async function upload(target: {
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
  readonly model: string
}): Promise<number> {
  const boundary = 'bench-boundary'
  const part = (head: string) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n`
  const before = Buffer.from(
    `${part('name="model"')}\r\n${target.model}\r\n${part('name="file"; filename="call.mp3"')}Content-Type: audio/mpeg\r\n\r\n`,
  )
  const after = Buffer.from(`\r\n--${boundary}--\r\n`)
  return await new Promise((resolve) => {
    const sent = request(`${target.origin}/audio/transcriptions`, {
      method: 'POST',
      headers: {
        ...target.headers,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': before.length + bytes + after.length,
      },
    })
    sent.on('error', () => resolve(0))
    sent.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.write(before)
    let left = bytes
    const write = () => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length))
        left -= next.length
        if (!sent.write(next)) return void sent.once('drain', write)
      }
      sent.end(after)
    }
    write()
  })
}
