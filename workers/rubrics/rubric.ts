import { z } from 'zod'
import { nameFile, rubricFields, rubricName, rubricText, rubricVersion } from './rubric-parts.ts'

const Quality = z.enum(['high', 'medium', 'low'])
const lines = z.array(z.string().trim().min(1).max(1_000)).max(100).default([])

/** The lowest score of each band; `low` begins at 0. */
const Bands = z
  .strictObject({ medium: z.number().int().min(1).max(99), high: z.number().int().min(2).max(100) })
  .refine((bands) => bands.medium < bands.high, 'medium must begin below high')

/** One file of `rubrics/`. Strict: a word that nobody reads is a mistake, and is heard at start. */
export const RubricFile = z
  .strictObject({
    name: rubricName,
    version: rubricVersion,
    judges: z.enum(['call', 'lead']),
    instructions: rubricText,
    /** What speaks for a purchase, one thing a line; and what speaks against it. */
    counts: lines,
    against: lines,
    bands: Bands,
    /** Of the reason: that of what is judged, or always one. */
    language: z.enum(['as-given', 'ru', 'en']).default('as-given'),
    /** Of a lead: the fields that the model sees, in this order. */
    fields: rubricFields.optional(),
    /** Of a lead: so many of the newest comments in its timeline are seen too; each lead then costs a request more, and no money. */
    timeline: z.number().int().min(1).max(50).optional(),
    /** Of calls: names and words of the trade, a hint to the recogniser with every part; a portal's own stands in its place. */
    glossary: z.string().trim().min(1).max(800).optional(),
    examples: z
      .array(
        z.strictObject({
          text: rubricText,
          quality: Quality,
          score: z.number().int().min(0).max(100),
          reason: rubricText,
        }),
      )
      .max(20)
      .default([]),
  })
  .superRefine((rubric, issues) => {
    if (rubric.judges === 'lead' && (rubric.fields ?? []).length === 0)
      issues.addIssue({ code: 'custom', path: ['fields'], message: 'a rubric for leads must name the fields it sees' })
    if (rubric.judges === 'call' && rubric.timeline !== undefined)
      issues.addIssue({ code: 'custom', path: ['timeline'], message: 'only a rubric for leads sees a timeline' })
    rubric.examples.forEach((example, index) => {
      const band = bandOf(example.score, rubric.bands)
      if (band !== example.quality)
        issues.addIssue({
          code: 'custom',
          path: ['examples', index, 'score'],
          message: `${example.score} lies in the band ${band}, and the example says ${example.quality}`,
        })
    })
  })

export interface Rubric extends z.output<typeof RubricFile> {
  /** `lead@1 3fa2c19b` */
  readonly id: string
}

export type Quality = z.output<typeof Quality>

export function bandOf(score: number, bands: Rubric['bands']): Quality {
  return score >= bands.high ? 'high' : score >= bands.medium ? 'medium' : 'low'
}

export function nameRubric(file: z.output<typeof RubricFile>): Rubric {
  return { ...file, id: nameFile(file) }
}
