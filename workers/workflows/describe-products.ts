import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { DescribeProductsInput } from '../products/describe-products-input.ts'
import { findProducts } from '../steps/find-products.ts'
import { reportDescriptions } from '../steps/report-descriptions.ts'

/** All products that a filter names: page by page, a run for each whose text is missing or stale, and a report at the end. */
export const describeProducts = defineWorkflow<CallContext, typeof DescribeProductsInput>(
  'describeProducts',
  DescribeProductsInput,
  { startedAs: 'describe-products' },
)
  .step(findProducts)
  .step(reportDescriptions)
