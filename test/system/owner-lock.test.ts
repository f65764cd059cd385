import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { holdFolder } from '../../src/db/owner-lock.ts'
import { UsageError } from '../../src/errors.ts'
import { createClosers } from '../support/stores.ts'

const closers = createClosers()
afterEach(() => closers.closeAll())

async function newFolder(name = 'data'): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'callsift-lock-'))
  closers.add(() => rm(root, { recursive: true, force: true }))
  return join(root, name)
}

interface Holder {
  readonly child: ChildProcess
  readonly got: Promise<{ kind: 'owner' | 'held'; url: string | null }>
}

function startHolder(folder: string, url: string): Holder {
  const script = new URL('../support/folder-holder.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, folder, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  closers.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const got = once(child.stdout as NodeJS.ReadableStream, 'data').then(([text]) => JSON.parse(String(text)))
  return { child, got }
}

test('of many processes that want the folder at once exactly one gets it, and all others are told where it is', async () => {
  const folder = await newFolder()
  const holders = Array.from({ length: 6 }, (_, n) => startHolder(folder, `http://127.0.0.1:${9000 + n}`))
  const got = await Promise.all(holders.map((holder) => holder.got))
  const winners = got.flatMap((one, n) => (one.kind === 'owner' ? [`http://127.0.0.1:${9000 + n}`] : []))
  expect(winners).toHaveLength(1)
  expect(got.filter((one) => one.kind === 'held').map((one) => one.url)).toEqual(
    Array.from({ length: 5 }, () => winners[0]),
  )
})

test('a killed owner leaves the folder to the next one at once, again and again, and never to two', async () => {
  const folder = await newFolder()
  for (let round = 0; round < 4; round += 1) {
    const pair = [startHolder(folder, 'http://127.0.0.1:1'), startHolder(folder, 'http://127.0.0.1:1')]
    const got = await Promise.all(pair.map((holder) => holder.got))
    expect(got.filter((one) => one.kind === 'owner')).toHaveLength(1)
    for (const { child } of pair) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  const startedAt = performance.now()
  const hold = await holdFolder(folder)
  expect(hold.kind).toBe('owner')
  expect(performance.now() - startedAt).toBeLessThan(500)
  if (hold.kind === 'owner') await hold.release()
})

test('many claims within one process on a dead name: one owner', async () => {
  const folder = await newFolder()
  for (let round = 0; round < 20; round += 1) {
    const holds = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const hold = await holdFolder(folder, { patienceMs: 2_000 })
        if (hold.kind === 'owner') hold.publish('http://127.0.0.1:1', `round ${round}`)
        return hold
      }),
    )
    const owners = holds.flatMap((hold) => (hold.kind === 'owner' ? [hold] : []))
    expect(owners).toHaveLength(1)
    expect(holds.flatMap((hold) => (hold.kind === 'held' ? [hold.token] : []))).toEqual(
      Array.from({ length: 4 }, () => `round ${round}`),
    )
    await owners[0]?.release()
  }
})

test('an owner that says nothing of its address is waited for, then named in an error with exit code 78', async () => {
  const folder = await newFolder()
  const hold = await holdFolder(folder)
  closers.add(() => (hold.kind === 'owner' ? hold.release() : undefined))
  const refused = await holdFolder(folder, { patienceMs: 200 }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(UsageError)
  expect(refused).toMatchObject({ exitCode: 78, message: expect.stringContaining(`(${process.pid})`) })
})

test('an owner that publishes late is still found', async () => {
  const folder = await newFolder()
  const hold = await holdFolder(folder)
  if (hold.kind !== 'owner') throw new Error('the folder was not free')
  closers.add(() => hold.release())
  const second = holdFolder(folder)
  hold.publish('http://127.0.0.1:4711', 'late')
  expect(await second).toEqual({ kind: 'held', url: 'http://127.0.0.1:4711', token: 'late' })
})

test('a folder whose path is too long for a socket is locked as well', async () => {
  const folder = await newFolder('d'.repeat(150))
  const holders = [startHolder(folder, 'http://127.0.0.1:1'), startHolder(folder, 'http://127.0.0.1:1')]
  const got = await Promise.all(holders.map((holder) => holder.got))
  expect(got.map((one) => one.kind).sort()).toEqual(['held', 'owner'])
})
