import { checkUrl } from '../audio/guarded-connect.ts'
import { Permanent } from '../errors.ts'
import { RouterError } from './router-error.ts'

const invalid = (message: string) => new RouterError('base_url_invalid', message)

export const privateBaseUrl = () =>
  new RouterError('base_url_private', 'baseUrl leads into a private network, or its name has no address.')

/**
 * A Custom provider's address as it is kept, without a slash at its end. What its name leads to is looked at with each connection.
 * Throws `RouterError` base_url_invalid or base_url_private.
 */
export function readBaseUrl(value: unknown, allowHosts: readonly string[]): string {
  if (typeof value !== 'string' || !URL.canParse(value)) throw invalid('baseUrl must be a URL with http or https.')
  const url = new URL(value)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid('baseUrl must use http or https.')
  // A path is put behind it, and the key goes into a header.
  if (url.search !== '' || url.hash !== '') throw invalid('baseUrl must end with its path.')
  try {
    checkUrl(url, allowHosts)
  } catch (error) {
    if (error instanceof Permanent) throw privateBaseUrl()
    throw error
  }
  return (url.origin + url.pathname).replace(/\/+$/, '')
}
