import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { ExtractContactInput } from '../contacts/extract-contacts-input.ts'
import { readContact } from '../steps/read-contact.ts'
import { writeContact } from '../steps/write-contact.ts'

/** One lead or contact: from what was written about it to the fields that it lacked. */
export const extractContact = defineWorkflow<CallContext, typeof ExtractContactInput>(
  'extractContact',
  ExtractContactInput,
)
  .step(readContact, { endsWhen: (read) => read.ended })
  .step(writeContact)
