const sealed = '[sealed]'

/** Takes the given secrets, anything shaped like a VibeCode key, and tokens in addresses out of a text bound for logs, rows or pages. */
export function scrubSecrets(value: string, secrets: readonly string[] = []): string {
  let scrubbed = value
  for (const secret of secrets) {
    // A secret of a few letters would blank out ordinary words.
    if (secret.length >= 6) scrubbed = scrubbed.replaceAll(secret, sealed)
  }
  return scrubbed
    .replace(/\bvibe_[a-z]+_[A-Za-z0-9_-]{4,}/g, sealed)
    .replace(/\b(Bearer|X-Api-Key:?)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${sealed}`)
    .replace(/([?&](?:auth|token|key|access_token|sign|signature)=)[^&\s"'<>]+/gi, `$1${sealed}`)
}
