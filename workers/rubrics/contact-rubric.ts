import { z } from 'zod'
import { nameFile, rubricFields, rubricName, rubricText, rubricVersion } from './rubric-parts.ts'

/** A rubric that contact data are looked for by. Strict, as all rubrics are. */
export const ContactRubricFile = z.strictObject({
  name: rubricName,
  version: rubricVersion,
  extracts: z.literal('contact'),
  instructions: rubricText,
  /** Fields of the record itself that are read beside its comments and entries, in this order. */
  fields: rubricFields.default([]),
})

export interface ContactRubric extends z.output<typeof ContactRubricFile> {
  readonly id: string
}

export function nameContactRubric(file: z.output<typeof ContactRubricFile>): ContactRubric {
  return { ...file, id: nameFile(file) }
}
