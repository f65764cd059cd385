import { z } from 'zod'
import { addDraft, moveDraft, readDraftOfRun, readNewestDrafts } from '../../src/db/drafts.ts'
import { DescribeProductInput } from '../products/describe-products-input.ts'
import { prepareText } from '../products/prepare-text.ts'
import { planText, seeProduct } from '../products/see-product.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

const Drafted = z.object({
  productId: z.number(),
  draftId: z.string().nullable(),
  /**
   * Why it ends here: `product_gone`, `unchanged` since it was written about, `described` by people, `in_review`: a person decides,
   * `observed`: the portal is not written to.
   */
  ended: z.enum(['product_gone', 'unchanged', 'described', 'in_review', 'observed']).nullable(),
  text: z.string(),
  doubts: z.array(z.string()).readonly(),
  rubric: z.string(),
  model: z.string().nullable(),
  tokens: z.number(),
  /** What the text cost, millionths. */
  micros: z.number(),
})
type Drafted = z.output<typeof Drafted>

/** Writes about one product as it stands in the catalogue now, and keeps the text as a draft, with what stood in the card before. */
export const draftDescription = step({
  name: 'draftDescription',
  queue: 'leads',
  family: 'ai',
  input: z.object({ run: DescribeProductInput }),
  output: Drafted,
  async run(context, { run }): Promise<Drafted> {
    const { config, db, portal, runId } = context
    const { productId } = run
    const rubric = context.rubrics.findProduct(run.rubric)
    const nothing = {
      productId,
      draftId: null,
      text: '',
      doubts: [],
      rubric: rubric.id,
      model: null,
      tokens: 0,
      micros: 0,
    }
    const product = await context.vibecode.records.get('products', productId)
    if (product === null) return { ...nothing, ended: 'product_gone' }
    const writes = config.write && portal.writeEnabled
    // Paid for by an attempt that died before it could tell so.
    const before = await readDraftOfRun(db, runId)
    if (before !== null) {
      const { id: draftId, text, doubts } = before
      return { ...nothing, draftId, text, doubts, ended: endOf(before.state) }
    }
    const seen = seeProduct(product, rubric)
    const known = (await readNewestDrafts(db, portal.id, 'products', [productId])).get(productId)
    if (known?.state === 'approved' && known.writeRunId === runId)
      return { ...nothing, draftId: known.id, text: known.text, doubts: known.doubts, ended: null }
    const plan = planText(seen, known, { replace: run.replace, direct: run.direct, writes })
    if (plan === 'unchanged' || plan === 'described') return { ...nothing, ended: plan }
    if (plan === 'write' && known !== undefined) {
      const move = { from: ['observed', 'approved'], to: 'approved', writeRunId: runId, by: 'batch' } as const
      if ((await moveDraft(db, known.id, move)) === null) return { ...nothing, ended: 'unchanged' }
      return { ...nothing, draftId: known.id, text: known.text, doubts: known.doubts, ended: null }
    }
    const asked = prepareText({ rubric, facts: seen.facts, seed: `${portal.keyId} product ${productId} ${runId}` })
    const { value, model, usage } = await context.spend(
      { of: asked.prompt, tokens: asked.mostTokens },
      () =>
        context.vibecode.chat.askJson({
          ...asked.prompt,
          model: portal.settings.chatModel ?? config.chatModel,
          schema: asked.schema,
        }),
      (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
    )
    const { text, doubts } = asked.read(value)
    const state = !run.direct || doubts.length > 0 ? 'waiting' : writes ? 'approved' : 'observed'
    const draftId = await addDraft(db, {
      portalId: portal.id,
      collection: 'products',
      recordId: productId,
      recordName: product.name,
      field: rubric.field,
      seenHash: seen.hash,
      rubric: rubric.id,
      oldText: seen.current,
      text,
      doubts,
      state,
      runId,
    })
    const tokens = usage.promptTokens + usage.completionTokens
    const micros = chatMicros(tokens, config.prices)
    return { productId, draftId, ended: endOf(state), text, doubts, rubric: rubric.id, model, tokens, micros }
  },
})

function endOf(state: string): 'in_review' | 'observed' | null {
  return state === 'waiting' ? 'in_review' : state === 'observed' ? 'observed' : null
}
