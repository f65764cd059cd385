/** An answer larger than this is nobody's honest JSON. */
export const maxAnswerBytes = 4 * 1024 * 1024
export const maxJsonDepth = 64

/** The answer's body cannot be used; the message says why, for the failure's text. */
export class UnreadableBody extends Error {
  override name = 'UnreadableBody'
}

/** Reads a body up to `maxBytes`; past that the rest is not waited for. */
export async function readBytes(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    // Leaving the loop destroys the stream, and with it the connection.
    if (bytes > maxBytes) throw new UnreadableBody(`more than ${Math.floor(maxBytes / 1024 / 1024)} MB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

/** Parses an answer's JSON. `contentType` may be missing but not another one. */
export function parseJsonBody(bytes: Buffer, contentType: string | undefined): unknown {
  if (contentType !== undefined && !/^\s*application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)) {
    throw new UnreadableBody(`content type ${contentType.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')}`)
  }
  if (bytes.byteLength === 0) throw new UnreadableBody('an empty body')
  if (jsonDepth(bytes) > maxJsonDepth) throw new UnreadableBody(`nested deeper than ${maxJsonDepth}`)
  try {
    // Invalid UTF-8 becomes U+FFFD: a bad byte in a transcript must not lose the transcript.
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new UnreadableBody('no valid JSON')
  }
}

/** Deepest nesting of brackets outside strings, counted in one pass: a parser would meet 100,000 of them by recursion. */
export function jsonDepth(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]
    if (inString) {
      if (byte === 0x5c) index += 1
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return deepest
}
