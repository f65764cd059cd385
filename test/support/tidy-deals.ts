import { z } from 'zod'
import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../../workers/call-context.ts'
import { step } from '../../workers/step.ts'

const Input = z.strictObject({ ids: z.array(z.number().int()).min(1).max(100) })
const Tidied = z.object({ id: z.number(), titled: z.boolean() })

const tidyDeal = step({
  name: 'tidyDeal',
  queue: 'tidy',
  family: 'crm',
  input: z.object({ run: Input, item: z.number() }),
  output: Tidied,
  run: async (context, { item: id }) => {
    const { title } = await context.vibecode.crm.getDeal(id)
    return { id, titled: title !== null }
  },
})

const countDeals = step({
  name: 'countDeals',
  queue: 'tidy',
  family: 'none',
  input: z.object({ run: Input, tidyDeal: z.array(Tidied) }),
  output: z.object({ deals: z.number(), untitled: z.array(z.number()) }),
  run: async (_, { tidyDeal: tidied }) => ({
    deals: tidied.length,
    untitled: tidied.filter((one) => !one.titled).map((one) => one.id),
  }),
})

/** A workflow as somebody would add it: this file, and its line in the registry. */
export const tidyDeals = defineWorkflow<CallContext, typeof Input>('tidyDeals', Input, { startedAs: 'tidy-deals' })
  .each(tidyDeal, ({ run }) => run.ids)
  .step(countDeals)
