import { afterAll, beforeAll, expect, test } from 'vitest'
import { runOperation } from '../../src/ops/operation.ts'
import { rubricJudge } from '../../src/ops/rubrics.ts'
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
