/**
 * The secrets this process has in its hands, in every spelling in which they could get into a text. One set for the whole process:
 * a net that some part of the program could forget to hang up would not be one.
 */
const spellings = new Set<string>()
/** Longest first: a secret that begins with another one must not leave its end standing. */
let ordered: readonly string[] = []

/** A secret of a few letters would blank out ordinary words. */
const shortest = 8

/** From here on the value, also URL-encoded, JSON-escaped, in base64 or in hex, is taken out of logs and of what is stored of failures. */
export function rememberSecret(secret: string | undefined): void {
  if (secret === undefined || secret.length < shortest || spellings.has(secret)) return
  const bytes = Buffer.from(secret)
  for (const spelling of [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ]) {
    spellings.add(spelling)
  }
  ordered = [...spellings].sort((a, b) => b.length - a.length)
}

export function knownSecrets(): readonly string[] {
  return ordered
}
