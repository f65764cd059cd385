import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './errors.ts'

/** Seals secrets at rest: AES-256-GCM (NIST SP 800-38D), a random nonce each, bound to what they belong to by `aad`. */
export interface Sealer {
  seal(secret: string, aad: string): string
  /** Throws `UsageError` (exit 78) when the key is another one, or the text was moved or changed. */
  unseal(sealed: string, aad: string): string
}

const version = 'v1'

export function createSealer(master: string): Sealer {
  const key = Buffer.from(hkdfSync('sha256', master, 'callsift', 'portal api keys', 32))
  return {
    seal: (secret, aad) => {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(aad))
      const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return [
        version,
        nonce.toString('base64url'),
        cipher.getAuthTag().toString('base64url'),
        body.toString('base64url'),
      ].join('.')
    },
    unseal: (sealed, aad) => {
      try {
        const [tag, nonce = '', auth = '', body = ''] = sealed.split('.')
        if (tag !== version) throw new Error('unknown version')
        const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'))
          .setAAD(Buffer.from(aad))
          .setAuthTag(Buffer.from(auth, 'base64url'))
        return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8')
      } catch {
        throw new UsageError(`The stored API key of ${aad} can't be opened with this secret key.`, {
          exitCode: 78,
          hint: 'Set CALLSIFT_SECRET_KEY to the value it was sealed with (or bring back the file secret.key), or add the portal again.',
        })
      }
    },
  }
}

/** The secret key given, else the one in the data folder, made there (mode 0600) at first use. */
export async function readSecretKey(given: string | undefined, dataDir: string): Promise<string> {
  if (given !== undefined) return given
  const path = join(dataDir, 'secret.key')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  try {
    // `wx`: of two processes that start together, one makes the key and the other reads it.
    const file = await open(path, 'wx', 0o600)
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
