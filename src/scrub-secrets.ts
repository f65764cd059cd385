import { knownSecrets } from './known-secrets.ts'

const sealed = '[sealed]'

/** Shapes of secrets that nobody told us of. Each takes the secret and leaves what says which kind it was. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [/\bvibe_[a-z]+_[A-Za-z0-9_-]{4,}/gi, sealed],
  [/\bsk-[A-Za-z0-9_-]{16,}/g, sealed],
  [/\b(Bearer|Basic|X-Api-Key:?)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${sealed}`],
  [/([?&](?:auth|token|key|api_?key|access_token|sign|signature|secret|password)=)[^&\s"'<>\\]+/gi, `$1${sealed}`],
  // Bitrix24's inbound webhooks carry their code in the path: /rest/<user>/<code>/.
  [/(\/rest\/\d+\/)[A-Za-z0-9]{8,}/g, `$1${sealed}`],
  [/(\/webhooks\/bitrix24\/robot\/)[^/\s"'?\\]+/g, `$1${sealed}`],
  // user:password@host of a database or a queue.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"'\\]{0,100}:)[^\s/@"'\\]{1,200}@/gi, `$1${sealed}@`],
]

/** Takes the given secrets, those the process knows, and whatever is shaped like one out of a text bound for logs, rows or pages. */
export function scrubSecrets(value: string, secrets: readonly string[] = []): string {
  let scrubbed = value
  for (const secret of [...secrets, ...knownSecrets()]) {
    if (secret.length >= 6 && scrubbed.includes(secret)) scrubbed = scrubbed.replaceAll(secret, sealed)
  }
  for (const [shape, instead] of shapes) scrubbed = scrubbed.replace(shape, instead)
  return scrubbed
}

/** Also phone numbers written with their plus: of them the last four digits stay. */
export function scrubLine(line: string): string {
  return scrubSecrets(line).replace(/\+\d{6,11}(\d{4})(?!\d)/g, '+…$1')
}
