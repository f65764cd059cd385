import { defineWorkflow } from '../../src/engine/define.ts'
import type { CallContext } from '../call-context.ts'
import { ExtractContactsInput } from '../contacts/extract-contacts-input.ts'
import { findContactGaps } from '../steps/find-contact-gaps.ts'
import { reportContacts } from '../steps/report-contacts.ts'

/** All leads or contacts that a filter names: page by page, a run for each that lacks something, and a report at the end. */
export const extractContacts = defineWorkflow<CallContext, typeof ExtractContactsInput>(
  'extractContacts',
  ExtractContactsInput,
  { startedAs: 'extract-contacts' },
)
  .step(findContactGaps)
  .step(reportContacts)
