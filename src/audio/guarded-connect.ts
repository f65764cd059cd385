import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { buildConnector } from 'undici'
import { Permanent } from '../errors.ts'
import { isForbiddenAddress, isGlobalAddress } from './addresses.ts'

/** How names become addresses and addresses sockets; replaced in tests. Neither ever looks at proxies. */
export interface Network {
  resolve(host: string): Promise<readonly { readonly address: string }[]>
  /** A connected socket (TLS handshake done where `tls`) to this very address. */
  dial(target: {
    readonly address: string
    readonly port: number
    readonly tls: boolean
    readonly servername: string | undefined
  }): Promise<Socket>
}

const CONNECT_TIMEOUT_MS = 10_000
const MAX_ADDRESSES_TRIED = 4
const PUBLIC_PORTS = new Set([80, 443, 8080, 8443])
const MAX_URL_LENGTH = 2048

export const systemNetwork: Network = {
  resolve: (host) => lookup(host, { all: true }),
  dial: ({ address, port, tls, servername }) =>
    new Promise((resolve, reject) => {
      const socket = tls
        ? connectTls({
            host: address,
            port,
            ALPNProtocols: ['http/1.1'],
            ...(servername === undefined ? {} : { servername }),
          })
        : connectTcp({ host: address, port })
      const timer = setTimeout(
        () => socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })),
        CONNECT_TIMEOUT_MS,
      )
      socket.once('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer)
        resolve(socket)
      })
    }),
}

export interface CheckedUrl {
  readonly url: URL
  readonly host: string
  readonly port: number
  /** Named by the configuration: may lie in a private network and on any port. */
  readonly allowListed: boolean
}

function blockedUrl(why: string): Permanent {
  return new Permanent('blocked_url', {
    message: `The recording's link was not followed: ${why}.`,
    hint: 'Links must be http or https to a public host; name a private host and port in CALLSIFT_ALLOW_HOSTS if it is yours.',
  })
}

/**
 * What can be told of a URL without asking anybody. Checked after parsing, as `new URL` folds all the spellings of
 * 127.0.0.1 into one. Throws `Permanent` `blocked_url` or `blocked_address`.
 */
export function checkUrl(link: string | URL, allowedHosts: readonly string[]): CheckedUrl {
  let url: URL
  try {
    url = new URL(link)
  } catch {
    throw blockedUrl('it is no URL')
  }
  if (url.href.length > MAX_URL_LENGTH) throw blockedUrl(`it is longer than ${MAX_URL_LENGTH} characters`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw blockedUrl(`its scheme is ${url.protocol}`)
  if (url.username !== '' || url.password !== '') throw blockedUrl('it carries a user name')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === '' || host.endsWith('.')) throw blockedUrl('its host is empty or ends in a dot')
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  // A name without a port stands for the scheme's own, as `URL.host` writes it.
  const names = [`${url.hostname}:${port}`, url.host]
  const allowListed = allowedHosts.some((allowed) => names.includes(allowed.toLowerCase()))
  if (!allowListed && !PUBLIC_PORTS.has(port)) throw blockedUrl(`port ${port} is not one of a web server`)
  if (isIP(host) !== 0) assertAddress(host, host, allowListed)
  return { url, host, port, allowListed }
}

function assertAddress(address: string, host: string, allowListed: boolean): void {
  if (allowListed ? !isForbiddenAddress(address) : isGlobalAddress(address)) return
  throw new Permanent('blocked_address', {
    message: `The recording's host ${host} lies in a private or reserved network and was not contacted.`,
    hint: 'If this is your own on-premise portal or PBX, name its host and port in CALLSIFT_ALLOW_HOSTS.',
  })
}

/**
 * An undici connector for one checked URL: every address of the name is checked (one bad one refuses all), the
 * socket goes to exactly these, and the peer is checked again once connected, so no second look-up can differ.
 */
export function guardedConnector(target: CheckedUrl, network: Network): buildConnector.connector {
  return (_options, callback) => {
    connectChecked(target, network).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    )
  }
}

async function connectChecked(target: CheckedUrl, network: Network): Promise<Socket> {
  const literal = isIP(target.host) !== 0
  const answers = literal ? [{ address: target.host }] : await network.resolve(target.host)
  for (const { address } of answers) assertAddress(address, target.host, target.allowListed)
  let failure: unknown = Object.assign(new Error(`${target.host} has no address`), { code: 'ENOTFOUND' })
  for (const { address } of answers.slice(0, MAX_ADDRESSES_TRIED)) {
    try {
      const servername = literal ? undefined : target.host
      const socket = await network.dial({
        address,
        port: target.port,
        tls: target.url.protocol === 'https:',
        servername,
      })
      try {
        assertAddress(socket.remoteAddress ?? '', target.host, target.allowListed)
      } catch (error) {
        socket.destroy()
        throw error
      }
      return socket
    } catch (error) {
      if (error instanceof Permanent) throw error
      failure = error
    }
  }
  throw failure
}
