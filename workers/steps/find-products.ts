import { z } from 'zod'
import { readNewestDrafts } from '../../src/db/drafts.ts'
import { PagedRecords, pageRecords } from '../page-records.ts'
import { DescribeProductsInput } from '../products/describe-products-input.ts'
import { prepareText } from '../products/prepare-text.ts'
import { planText, seeProduct } from '../products/see-product.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

/** Goes through the products page by page; each whose text is missing or stale becomes a run of its own. */
export const findProducts = step({
  name: 'findProducts',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: DescribeProductsInput }),
  output: PagedRecords,
  run(context, { run }) {
    const { config, db, portal } = context
    const rubric = context.rubrics.findProduct(run.rubric)
    const { direct, replace } = run
    const writes = config.write && portal.writeEnabled
    return pageRecords(context, {
      run,
      most: { records: run.maxProducts, word: 'max_products' },
      payingStep: 'draftDescription',
      list: (query) =>
        context.vibecode.records.list('products', {
          ...query,
          filter: run.filter,
          select: [...rubric.fields, rubric.field],
        }),
      prepare: async (products) => {
        const ids = products.map((product) => product.id)
        const known = await readNewestDrafts(db, portal.id, 'products', ids)
        return (product) => {
          const seen = seeProduct(product, rubric)
          const plan = planText(seen, known.get(product.id), { replace, direct, writes })
          if (plan === 'unchanged' || plan === 'described') return null
          const { mostTokens } = prepareText({ rubric, facts: seen.facts, seed: '' })
          const mostMicros = plan === 'write' ? 0 : chatMicros(mostTokens, config.prices)
          const input = { productId: product.id, rubric: run.rubric, direct, replace, mostMicros }
          return { mostMicros, child: { workflow: 'describeProduct', key: `${context.runId} ${product.id}`, input } }
        }
      },
    })
  },
})
