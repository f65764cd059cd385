import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { DescribeProductInput } from '../products/describe-products-input.ts'
import { draftDescription } from '../steps/draft-description.ts'
import { writeDescription } from '../steps/write-description.ts'

/** One product: from its facts to a text that waits for a person, or stands in its card. */
export const describeProduct = defineWorkflow<CallContext, typeof DescribeProductInput>(
  'describeProduct',
  DescribeProductInput,
)
  .step(draftDescription, { endsWhen: (drafted) => drafted.ended })
  .step(writeDescription)
