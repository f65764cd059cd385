import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSealer, findPreviousKey, forgetPreviousKey, readSecretKey, renewSecretKey } from '../../src/seal.ts'

const before = 'the key before, of the tests'
const after = 'the key after, of the tests'

describe('sealed secrets', () => {
  test('are bound to what they belong to, and to every byte', () => {
    const sealer = createSealer(before)
    const sealed = sealer.seal('vibe_api_of_acme', 'acme')
    expect(sealer.unseal(sealed, 'acme')).toBe('vibe_api_of_acme')
    expect(() => sealer.unseal(sealed, 'other')).toThrow(/can't be opened/)
    for (let place = 0; place < sealed.length; place += 1) {
      const letter = sealed[place] === 'A' ? 'B' : 'A'
      // The last letter of a part has bits that stand for nothing.
      if (sealed[place] === '.' || [undefined, '.'].includes(sealed[place + 1])) continue
      const spoilt = sealed.slice(0, place) + letter + sealed.slice(place + 1)
      expect(() => sealer.unseal(spoilt, 'acme')).toThrow(/can't be opened/)
    }
    expect(sealer.seal('vibe_api_of_acme', 'acme')).not.toBe(sealed)
  })

  test('a tag cut short is refused: it would be guessed', () => {
    const sealer = createSealer(before)
    const parts = sealer.seal('secret of acme', 'acme').split('.')
    parts[3] = Buffer.from(parts[3] ?? '', 'base64url')
      .subarray(0, 4)
      .toString('base64url')
    expect(() => sealer.unseal(parts.join('.'), 'acme')).toThrow(/can't be opened/)
  })

  test('of an earlier release, which knew one key, are opened', async () => {
    const { createCipheriv, hkdfSync, randomBytes } = await import('node:crypto')
    const key = Buffer.from(hkdfSync('sha256', before, 'callsift', 'portal api keys', 32))
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from('acme'))
    const body = Buffer.concat([cipher.update('of old', 'utf8'), cipher.final()])
    const sealed = ['v1', ...[nonce, cipher.getAuthTag(), body].map((part) => part.toString('base64url'))].join('.')
    expect(createSealer(before).unseal(sealed, 'acme')).toBe('of old')
    expect(createSealer(after, before).unseal(sealed, 'acme')).toBe('of old')
    expect(createSealer(after, before).isCurrent(sealed)).toBe(false)
  })

  test('two keys at once: both open, the new one seals, the old one alone does not open what it sealed', () => {
    const old = createSealer(before).seal('secret of acme', 'acme')
    const both = createSealer(after, before)
    expect(both.unseal(old, 'acme')).toBe('secret of acme')
    const fresh = both.seal('secret of acme', 'acme')
    expect([both.isCurrent(old), both.isCurrent(fresh)]).toEqual([false, true])
    expect(() => createSealer(before).unseal(fresh, 'acme')).toThrow(/can't be opened/)
    expect(createSealer(after).unseal(fresh, 'acme')).toBe('secret of acme')
  })

  test('a key adopted while running is in force at once', () => {
    const sealer = createSealer(before)
    const old = sealer.seal('secret of acme', 'acme')
    sealer.adopt(after)
    expect(sealer.unseal(old, 'acme')).toBe('secret of acme')
    expect(createSealer(after).unseal(sealer.seal('x of acme', 'acme'), 'acme')).toBe('x of acme')
  })
})

describe('the key in the data folder', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'callsift-key-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('is made anew beside the one before, a turnover that was cut off goes on with it, and the one before goes at the end', async () => {
    const first = await readSecretKey(undefined, folder)
    const next = await renewSecretKey(folder)
    expect(next).not.toBe(first)
    expect(await readSecretKey(undefined, folder)).toBe(next)
    expect(await findPreviousKey(undefined, folder)).toBe(first)
    expect(await renewSecretKey(folder)).toBe(next)
    await forgetPreviousKey(folder)
    expect(await readdir(folder)).toEqual(['secret.key'])
  })

  test('cut off before the new key was in its place, the turnover begins with the key that stands', async () => {
    const standing = await readSecretKey(undefined, folder)
    await writeFile(join(folder, 'secret.key.previous'), standing)
    expect(await renewSecretKey(folder)).toBe(standing)
    await forgetPreviousKey(folder)
  })
})
