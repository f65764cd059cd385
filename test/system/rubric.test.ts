import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readLabelled } from '../../src/cli/rubric-labels.ts'
import { holdFolder } from '../../src/db/owner-lock.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { rubricJudge } from '../../src/ops/rubrics.ts'
import { maskPeople } from '../../workers/judge/mask-people.ts'
import { launch } from '../support/launch.ts'
import { type Program, startProgram } from '../support/program.ts'

let program: Program
beforeAll(async () => {
  program = await startProgram({ env: { CALLSIFT_PRICE_CHAT_1K_TOKENS: '1' }, work: false })
})
afterAll(async () => await program.close())

test('one text is judged by a rubric, priced, and named by it; nothing is written', async () => {
  const judged = await runOperation(
    program.app,
    rubricJudge,
    {
      rubric: 'call',
      portalId: 'acme',
      text: 'Customer: We need 50 seats, the budget is approved, please send the contract by Friday.',
    },
    { actor: 'test', role: 'admin' },
  )
  expect(judged).toMatchObject({ quality: 'high', rubric: expect.stringMatching(/^call@1 /) as unknown })
  expect((judged as { cost: number }).cost).toBeGreaterThan(0)
  expect(program.sandbox.effects().filter((effect) => effect.kind !== 'chat')).toEqual([])
})

test('a rubric that is not there is 404, with those that are', async () => {
  const asked = runOperation(
    program.app,
    rubricJudge,
    { rubric: 'mood', portalId: 'acme', text: 'x' },
    { actor: 'test', role: 'admin' },
  )
  await expect(asked).rejects.toMatchObject({ status: 404, hint: expect.stringContaining('call') as unknown })
})

describe('the labelled calls that ship', () => {
  const folder = 'rubrics/labelled/call'
  const Russian = /\p{Script=Cyrillic}/u

  test('are sixty: twenty a class, half of each Russian and half English, and no two the same', async () => {
    const labelled = await readLabelled(folder)
    const counted: Record<string, number> = {}
    for (const { text, label } of labelled) {
      const kind = `${label.quality} ${Russian.test(text) ? 'ru' : 'en'}`
      counted[kind] = (counted[kind] ?? 0) + 1
    }
    const ten = { 'high ru': 10, 'high en': 10, 'medium ru': 10, 'medium en': 10, 'low ru': 10, 'low en': 10 }
    expect(counted).toEqual(ten)
    expect(new Set(labelled.map((one) => one.text)).size).toBe(60)
    const { bands } = program.app.rubrics.find('call')
    for (const { name, label } of labelled) {
      const score = label.score ?? -1
      const band = score >= bands.high ? 'high' : score >= bands.medium ? 'medium' : 'low'
      expect([name, band]).toEqual([name, label.quality])
      expect(
        name.startsWith(
          `${Russian.test(labelled.find((one) => one.name === name)?.text ?? '') ? 'ru' : 'en'}-${label.quality}-`,
        ),
      ).toBe(true)
    }
  })

  test('lose every number and address of a person to the mask, and not the sums and counts that they rest on', async () => {
    let masked = 0
    for (const { name, text } of await readLabelled(folder)) {
      const seen = maskPeople(text)
      const leak = /\S+@\S+|\d(?:[ ()+–-]*\d){8,}/.exec(seen.text)
      expect([name, leak?.[0]]).toEqual([name, undefined])
      // Written and spoken numbers are of ranges that belong to nobody, addresses of example.com and example.ru.
      for (const address of text.matchAll(/\S+@([\w.]+)/g)) expect(address[1]).toMatch(/^example\.(com|ru)\.?$/)
      for (const number of text.matchAll(/\+?\d(?:[ ()-]*\d){9,}/g))
        expect(number[0]).toMatch(/^(8 \(495\) 000-|\+7 \(812\) 000-|\+44 7700 900|\+44 20 7946 0|\+1 202 555 01)/)
      const words = (told: string) => told.split(/\s+/).length
      if (seen.text === text) continue
      masked += 1
      expect(words(text) - words(seen.text)).toBeLessThanOrEqual(12)
    }
    expect(masked).toBeGreaterThanOrEqual(10)
  })

  test('are judged by `callsift rubric test`, which tells how far it agrees', { timeout: 60_000 }, async () => {
    const token = randomBytes(16).toString('hex')
    const server = await createHttpServer(program.app, { host: '127.0.0.1', port: 0, localToken: token })
    const held = await holdFolder(program.app.config.dataDir)
    if (held.kind !== 'owner') throw new Error('the folder of the test is held by somebody else')
    held.publish(server.url, token)
    try {
      const verb = launch(['rubric', 'test', '--yes', '--json'], { CALLSIFT_DATA: program.app.config.dataDir })
      let said = ''
      verb.child.stdout?.on('data', (piece: Buffer) => {
        said += piece.toString()
      })
      expect(await verb.ended).toMatchObject({ code: 0 })
      const told = JSON.parse(said) as {
        texts: number
        agreement: number
        confusion: Record<string, Record<string, number>>
        judged: { quality: string; label: { quality: string } }[]
      }
      expect(told.texts).toBe(60)
      const sums = Object.values(told.confusion).map((row) => Object.values(row).reduce((all, one) => all + one, 0))
      expect(sums).toEqual([20, 20, 20])
      const agreed = told.judged.filter((one) => one.quality === one.label.quality).length
      expect(told.agreement).toBeCloseTo(agreed / 60, 3)
    } finally {
      await held.release()
      await server.close()
    }
  })
})
