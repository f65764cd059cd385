import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, open as openFile, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './errors.ts'
import { rememberSecret } from './known-secrets.ts'

/** Seals secrets at rest: AES-256-GCM (NIST SP 800-38D), a random nonce each, bound to what they belong to by `aad`. */
export interface Sealer {
  /** With the key in force. */
  seal(secret: string, aad: string): string
  /** Throws `UsageError` (exit 78) when neither key opens it, or the text was moved or changed. */
  unseal(sealed: string, aad: string): string
  /** Whether the key in force has sealed it, so that it needs no other. */
  isCurrent(sealed: string): boolean
  /** From here on `master` is in force; the key before still opens what it sealed. */
  adopt(master: string): void
}

interface SealKey {
  readonly id: string
  readonly bytes: Buffer
}

/** `v2.key.nonce.tag.body`; `v1.nonce.tag.body` is of releases that knew one key only. */
const version = 'v2'

function deriveKey(master: string): SealKey {
  const bytes = Buffer.from(hkdfSync('sha256', master, 'callsift', 'portal api keys', 32))
  return { id: createHash('sha256').update('key id').update(bytes).digest('base64url').slice(0, 10), bytes }
}

/** `previous` only opens: while keys are turned over, rows of both stand in the record. */
export function createSealer(master: string, previous?: string): Sealer {
  rememberSecret(master)
  rememberSecret(previous)
  let current = deriveKey(master)
  let older = previous === undefined ? [] : [deriveKey(previous)]
  return {
    seal: (secret, aad) => {
      rememberSecret(secret)
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(aad))
      const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      const parts = [nonce, cipher.getAuthTag(), body].map((part) => part.toString('base64url'))
      return [version, current.id, ...parts].join('.')
    },
    unseal: (sealed, aad) => {
      for (const key of [current, ...older]) {
        const secret = open(sealed, aad, key)
        if (secret === null) continue
        rememberSecret(secret)
        return secret
      }
      throw new UsageError(`The stored API key of ${aad} can't be opened with this secret key.`, {
        exitCode: 78,
        hint: 'Set CALLSIFT_SECRET_KEY to the value it was sealed with (or bring back the file secret.key), or add the portal again.',
      })
    },
    isCurrent: (sealed) => sealed.startsWith(`${version}.${current.id}.`),
    adopt: (next) => {
      rememberSecret(next)
      const key = deriveKey(next)
      if (key.id === current.id) return
      older = [current, ...older]
      current = key
    },
  }
}

/** Null where the key is another one, or the text was moved or changed. */
function open(sealed: string, aad: string, key: SealKey): string | null {
  const [tagged, ...rest] = sealed.split('.')
  if (tagged === version && rest.shift() !== key.id) return null
  if (tagged !== version && tagged !== 'v1') return null
  const [nonce = '', auth = '', body = ''] = rest
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, Buffer.from(nonce, 'base64url'), { authTagLength: 16 })
      .setAAD(Buffer.from(aad))
      .setAuthTag(Buffer.from(auth, 'base64url'))
    return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** The secret key given, else the one in the data folder, made there (mode 0600) at first use. */
export async function readSecretKey(given: string | undefined, dataDir: string): Promise<string> {
  if (given !== undefined) return given
  const path = join(dataDir, 'secret.key')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  try {
    // `wx`: of two processes that start together, one makes the key and the other reads it.
    const file = await openFile(path, 'wx', 0o600)
    const secret = randomBytes(32).toString('base64url')
    await file.writeFile(secret)
    await file.sync()
    await file.close()
    return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    for (let look = 0; look < 50; look += 1) {
      const secret = (await readFile(path, 'utf8')).trim()
      if (secret.length >= 16) return secret
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new UsageError(`${path} is empty.`, {
      exitCode: 78,
      hint: 'Remove it to have a new one made, then add the portals again.',
    })
  }
}

/** Names an API key without telling it: gates and logs speak of this. */
export function keyIdOf(apiKey: string): string {
  return createHash('sha256').update(apiKey).digest('hex').slice(0, 16)
}

/** How tokens (webhook, API, robot) are stored and compared. They are long and random, so one round of SHA-256 does. */
export function digestToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** The secret key in force, or null where there is none yet; makes nothing. */
export async function findSecretKey(given: string | undefined, dataDir: string): Promise<string | null> {
  if (given !== undefined) return given
  try {
    const secret = (await readFile(join(dataDir, 'secret.key'), 'utf8')).trim()
    return secret === '' ? null : secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Puts a secret key into the data folder; one that stood there is kept beside it. Returns where, or null. */
export async function keepSecretKey(secret: string, dataDir: string, now: Date): Promise<string | null> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'secret.key')
  const standing = await findSecretKey(undefined, dataDir)
  if (standing === secret) return null
  const aside = standing === null ? null : `${path}.before-${now.toISOString().replaceAll(/[-:.]/g, '')}`
  if (aside !== null) await rename(path, aside)
  await writeFile(path, secret, { mode: 0o600, flush: true })
  return aside
}

/**
 * The key before the one in the data folder, while keys are turned over. It stands beside it only until every row is sealed anew.
 */
export async function findPreviousKey(given: string | undefined, dataDir: string): Promise<string | undefined> {
  if (given !== undefined) return given
  const text = await readFile(join(dataDir, 'secret.key.previous'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.trim() === '' ? undefined : text.trim()
}

/**
 * Makes a new key in the data folder; the one before goes beside it first, so that a stop at any moment leaves both readable.
 * A turnover that was cut off goes on with the key it had made.
 */
export async function renewSecretKey(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secret.key')
  const standing = (await readFile(path, 'utf8')).trim()
  if ((await findPreviousKey(undefined, dataDir)) !== undefined) return standing
  const next = randomBytes(32).toString('base64url')
  await writeFile(`${path}.next`, next, { mode: 0o600, flush: true })
  await writeFile(`${path}.previous`, standing, { mode: 0o600, flush: true })
  await rename(`${path}.next`, path)
  return next
}

/** Every row is sealed with the key in force: the one before opens nothing any more, and goes. */
export async function forgetPreviousKey(dataDir: string): Promise<void> {
  await rm(join(dataDir, 'secret.key.previous'), { force: true })
}
