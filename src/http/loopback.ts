/** Whether an address or host name means this very machine. */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

/** The name in a Host header without its port; a page that was opened under another name must not read ours (DNS rebinding). */
export function isLoopbackHost(header: string | undefined): boolean {
  const found = /^(\[[0-9a-f:]+\]|[^:]+)(?::\d{1,5})?$/i.exec(header ?? '')
  return found?.[1] !== undefined && isLoopback(found[1])
}
