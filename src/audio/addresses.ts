import { isIP } from 'node:net'

/** Ranges nobody on the internet can be reached in (IANA special-purpose registries), and some that only a cloud's inside answers. */
const CLOSED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  // Public by its number, but answers as Azure's wire server.
  ['168.63.129.16', 32],
]

/** Only 2000::/3 is global; within it these are not, or carry an IPv4 address to a place of the sender's choice (Teredo, 6to4). */
const CLOSED_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
]

/** Never to be reached, not even by the list of private hosts: metadata services live here. */
const NEVER_V4: readonly (readonly [string, number])[] = [
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['224.0.0.0', 3],
]
const NEVER_V6: readonly (readonly [string, number])[] = [
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
]

function parseV4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function parseV6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const v4 = dotted?.[2] === undefined ? 0n : parseV4(dotted[2])
  const plain = dotted ? `${dotted[1]}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}` : text
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

function isIn(
  value: bigint,
  bits: number,
  ranges: readonly (readonly [string, number])[],
  parse: (text: string) => bigint,
): boolean {
  return ranges.some(([base, prefix]) => value >> BigInt(bits - prefix) === parse(base) >> BigInt(bits - prefix))
}

/** The IPv4 address that an IPv4-mapped one (`::ffff:a.b.c.d`) stands for; systems connect to it as such. */
function mappedV4(value: bigint): bigint | null {
  return value >> 32n === 0xffffn ? value & 0xffff_ffffn : null
}

/** True where the address is reachable for everybody and belongs to nobody's inside. `address` is a literal without brackets. */
export function isGlobalAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !isIn(parseV4(address), 32, CLOSED_V4, parseV4)
  if (family !== 6 || address.includes('%')) return false
  const value = parseV6(address)
  // Mapped, compatible, NAT64 and SIIT forms all lie outside 2000::/3 and fall with it.
  return value >> 125n === 1n && !isIn(value, 128, CLOSED_V6, parseV6)
}

/** True for addresses that even an explicitly allowed private host may not have: link-local, metadata, multicast. */
export function isForbiddenAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return isIn(parseV4(address), 32, NEVER_V4, parseV4)
  if (family !== 6 || address.includes('%')) return true
  const value = parseV6(address)
  const v4 = mappedV4(value)
  return v4 === null ? isIn(value, 128, NEVER_V6, parseV6) : isIn(v4, 32, NEVER_V4, parseV4)
}
