import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRecordingCache, removeLeftovers, withTempDir } from '../../src/audio/temp.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'callsift-temp-'))
})
afterEach(() => rm(root, { recursive: true }))

describe('a job’s folder', () => {
  it('is its own, closed to others, and gone afterwards, also after a failure', async () => {
    const folders: string[] = []
    await Promise.all(
      [1, 2].map(() =>
        withTempDir(root, async (tempDir) => {
          const folder = await tempDir()
          expect(await tempDir()).toBe(folder)
          folders.push(folder)
          await writeFile(join(folder, 'a'), 'x')
          expect((await stat(folder)).mode & 0o777).toBe(0o700)
        }),
      ),
    )
    const breaking = withTempDir(root, async (tempDir) => {
      await tempDir()
      throw new Error('broken')
    })
    await expect(breaking).rejects.toThrow('broken')
    expect(await withTempDir(root, async () => await readdir(root))).toEqual([])
    expect(new Set(folders).size).toBe(2)
    expect(await readdir(root)).toEqual([])
  })

  it('left by a dead process is removed at start; of the living, and of others, nothing is', async () => {
    await withTempDir(root, async (tempDir) => {
      const folder = await tempDir()
      // Pid numbers end at 4194304 on Linux; the second is this process's own pid in an earlier life.
      for (const name of [
        'job-4194305-0a1b2c3d-1',
        `cache-${process.pid}-00000000-7`,
        `job-${process.ppid}-0a1b2c3d-1`,
        'somebody-elses',
      ]) {
        await mkdir(join(root, name))
      }
      expect(await removeLeftovers(root)).toBe(2)
      expect((await readdir(root)).sort()).toEqual(
        [`job-${process.ppid}-0a1b2c3d-1`, folder.slice(root.length + 1), 'somebody-elses'].sort(),
      )
    })
    expect(await removeLeftovers(join(root, 'never-made'))).toBe(0)
  })
})

describe('the cache of recordings', () => {
  const make = async (content: string) => {
    const path = join(root, `source-${content.slice(0, 8)}`)
    await writeFile(path, content)
    return { path, sha256: createHash('sha256').update(content).digest('hex') }
  }

  it('gives back what was put, until the last run that used it ends', async () => {
    const cache = createRecordingCache({ root, maxBytes: 1000 })
    const { path, sha256 } = await make('sound')
    expect(await cache.get(sha256, join(root, 'out'), 'run-1')).toBe(false)
    await cache.put(sha256, path, 'run-1')
    await rm(path)
    expect(await cache.get(sha256, join(root, 'out'), 'run-2')).toBe(true)
    expect(await readFile(join(root, 'out'), 'utf8')).toBe('sound')
    await cache.drop('run-1')
    expect(cache.size()).toBe(5)
    await cache.drop('run-2')
    expect(cache.size()).toBe(0)
    expect(await cache.get(sha256, join(root, 'again'), 'run-3')).toBe(false)
    expect(existsSync(join(root, 'out'))).toBe(true)
  })

  it('holds no more than its bound: the longest unused goes', async () => {
    const cache = createRecordingCache({ root, maxBytes: 25 })
    const [first, second, third, large] = await Promise.all([
      make('1'.repeat(10)),
      make('2'.repeat(10)),
      make('3'.repeat(10)),
      make('4'.repeat(30)),
    ])
    await cache.put(first.sha256, first.path, 'run')
    await cache.put(second.sha256, second.path, 'run')
    expect(await cache.get(first.sha256, join(root, 'used'), 'run')).toBe(true)
    await cache.put(third.sha256, third.path, 'run')
    await cache.put(large.sha256, large.path, 'run')
    expect(cache.size()).toBe(20)
    expect(await cache.get(second.sha256, join(root, 'x2'), 'run')).toBe(false)
    expect(await cache.get(first.sha256, join(root, 'x1'), 'run')).toBe(true)
    expect(await cache.get(large.sha256, join(root, 'x4'), 'run')).toBe(false)
  })

  it('takes the same recording from two steps at once, and no name but a hash', async () => {
    const cache = createRecordingCache({ root, maxBytes: 1000 })
    const { path, sha256 } = await make('twice')
    await Promise.all([cache.put(sha256, path, 'run-1'), cache.put(sha256, path, 'run-2')])
    await cache.drop('run-1')
    expect(await cache.get(sha256, join(root, 'out'), 'run-2')).toBe(true)
    await expect(cache.get('../../etc/passwd', join(root, 'p'), 'run')).rejects.toThrow('SHA-256')
  })
})
