/** How this very machine reaches a server that listens on `host`: an address for all of them is none to connect to. */
export function urlHere(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
