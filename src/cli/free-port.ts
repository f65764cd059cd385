import { createServer } from 'node:net'

/** The preferred port where nobody listens on it, else 0 (any free one). Somebody may take it in between: then listening says so. */
export async function preferPort(preferred: number, host: string): Promise<number> {
  return await new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(0))
    probe.listen(preferred, host, () => probe.close(() => resolve(preferred)))
  })
}
