import { Permanent } from '../errors.ts'
import { privateBaseUrl } from './base-url.ts'
import type { Kit } from './exchange.ts'
import { RouterError } from './router-error.ts'

export interface Asked {
  readonly status: number
  /** At most so many bytes; the rest was not waited for. */
  readonly text: string
  readonly cut: boolean
}

const nameless = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA'])

/** A GET to a provider, for a check or its list of models. Throws `RouterError` base_url_private or ai_provider_unavailable. */
export async function askProvider(
  kit: Kit,
  where: { readonly baseUrl: string; readonly guarded: boolean; readonly headers: Record<string, string> },
  path: string,
  maxBytes: number,
): Promise<Asked> {
  try {
    const place = kit.asking.upstreams.at(where.baseUrl, where.guarded)
    const { statusCode, body } = await place.dispatcher.request({
      method: 'GET',
      path: `${place.path}${path}`,
      headers: { accept: 'application/json', ...where.headers },
      signal: AbortSignal.timeout(kit.windows.checkMs),
    })
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of body) {
      bytes += (piece as Buffer).length
      pieces.push(piece as Buffer)
      if (bytes > maxBytes) break
    }
    return { status: statusCode, text: Buffer.concat(pieces).toString('utf8'), cut: bytes > maxBytes }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (cause instanceof Permanent || (where.guarded && nameless.has(code))) throw privateBaseUrl()
    throw new RouterError('ai_provider_unavailable', 'The provider could not be reached.', { cause })
  }
}
