import { z } from 'zod'
import type { Claim } from '../../src/engine/claim.ts'
import { defineStep, defineWorkflow, type StepFamily, type StepScope, type Workflow } from '../../src/engine/define.ts'
import { executeStep } from '../../src/engine/execute.ts'
import { type FinishDeps, type FinishResult, finishStep } from '../../src/engine/finish.ts'
import { createRegistry, type Registry } from '../../src/engine/registry.ts'

/** What a step of the test's workflows does: told which one it is, what it sees, and the attempt. */
export type Act = (step: string, input: Seen, scope: StepScope) => unknown
export type Seen = { run: { text: string; parts: number }; item?: unknown; [step: string]: unknown }

export interface TestContext {
  readonly scope: StepScope
  readonly act: Act
}

const Input = z.object({ text: z.string().default(''), parts: z.number().default(3) })

function step<Name extends string>(name: Name, sees: Record<string, z.ZodType> = {}, family: StepFamily = 'crm') {
  return defineStep<TestContext>()({
    name,
    queue: name,
    family,
    input: z.looseObject({ run: Input, ...sees }),
    output: z.any(),
    run: async (context, input) => await context.act(name, input as Seen, context.scope),
  })
}

const define = (name: string) => defineWorkflow<TestContext, typeof Input>(name, Input)
const narrow = (name: string, sees: string[], family: StepFamily = 'crm') =>
  defineStep<TestContext>()({
    name,
    queue: name,
    family,
    // Only what is named, so that the input hash depends on nothing else.
    input: z.object({ run: Input, ...Object.fromEntries(sees.map((one) => [one, z.any()])) }) as z.ZodType<
      Seen,
      Record<string, unknown>
    >,
    output: z.any(),
    run: async (context, input) => await context.act(name, input, context.scope),
  })

/** Tiny workflows that know no domain: a chain, a fan, a paging batch with its item, and lone steps behind each kind of gate. */
export function testRegistry(more: readonly Workflow<TestContext>[] = []): Registry<TestContext> {
  const items = ({ run }: { run: z.output<typeof Input> }) => Array.from({ length: run.parts }, (_, n) => n)
  return createRegistry<TestContext>([
    define('chain')
      .step(narrow('first', []))
      .step(narrow('second', ['first']))
      .step(narrow('third', ['second'])),
    define('fan')
      .each(narrow('part', ['item']), items as never)
      .step(step('gather', { part: z.array(z.any()) })),
    define('batch')
      .step(step('list'))
      .step(step('report', { list: z.any() })),
    define('item').step(step('judge')),
    define('lone').step(step('solo')),
    define('paid').step(step('ask', {}, 'ai')),
    define('free').step(step('compute', {}, 'none')),
    define('guarded')
      .step(narrow('early', []), { endsWhen: (output) => output?.ended ?? null })
      .step(step('late')),
    ...more,
  ])
}

/** What a newer release may bring: a workflow of its own on a queue that stands already, and one on a new queue. */
export function newerWorkflows(): Workflow<TestContext>[] {
  return [
    define('newer').step({ ...step('reconsider'), queue: 'solo' }),
    define('newest').step(step('foresee')),
    define('newer batch')
      .step({ ...step('listNewer'), queue: 'solo' })
      .step({ ...step('reportNewer'), queue: 'solo' }),
  ]
}

/** One attempt as a worker does it: run, then store. */
export async function carryOut(deps: FinishDeps<TestContext>, claim: Claim, act: Act): Promise<FinishResult> {
  const outcome = await executeStep({
    registry: deps.registry,
    claim,
    signal: new AbortController().signal,
    withContext: (attempt, use) => use({ scope: attempt, act }),
    noteRequest: () => undefined,
    stopping: () => false,
  })
  return await finishStep(deps, claim, outcome)
}
