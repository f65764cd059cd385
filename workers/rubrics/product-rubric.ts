import { z } from 'zod'
import { nameFile, rubricFields, rubricName, rubricText, rubricVersion } from './rubric-parts.ts'

const words = z.array(z.string().trim().min(2).max(100)).max(500).default([])

/** A rubric that texts about products are written by. Strict, as all rubrics are. */
export const ProductRubricFile = z
  .strictObject({
    name: rubricName,
    version: rubricVersion,
    writes: z.literal('product'),
    /** The field of the product card that the text goes into. */
    field: z.enum(['description', 'previewText', 'detailText']).default('description'),
    instructions: rubricText,
    /** How it should sound; the model is asked for it, no code can measure it. */
    tone: z.string().trim().min(1).max(2_000).optional(),
    /** Characters. */
    length: z
      .strictObject({ min: z.number().int().min(1).max(20_000), max: z.number().int().min(1).max(20_000) })
      .refine((length) => length.min < length.max, 'min must be below max'),
    /** Words and phrases that must not stand in the text; `best*` takes every ending. */
    forbidden: words,
    /** That of the product's facts, or always one. */
    language: z.enum(['as-given', 'ru', 'en']).default('as-given'),
    fields: rubricFields.min(1),
    examples: z
      .array(z.strictObject({ facts: rubricText, text: rubricText }))
      .max(20)
      .default([]),
  })
  .superRefine((rubric, issues) => {
    if (rubric.fields.includes(rubric.field))
      issues.addIssue({
        code: 'custom',
        path: ['fields'],
        message: `must not hold ${rubric.field}, which the text goes into: each text would make the next one stale`,
      })
    rubric.forbidden.forEach((word, index) => {
      if (!/[\p{L}\p{N}]/u.test(word))
        issues.addIssue({ code: 'custom', path: ['forbidden', index], message: 'must hold a letter or a digit' })
    })
  })

export interface ProductRubric extends z.output<typeof ProductRubricFile> {
  readonly id: string
}

export function nameProductRubric(file: z.output<typeof ProductRubricFile>): ProductRubric {
  return { ...file, id: nameFile(file) }
}
