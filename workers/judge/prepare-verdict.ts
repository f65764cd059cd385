import { z } from 'zod'
import { judgePrompt } from '../judge-prompt.ts'
import { mostTokens } from '../most-tokens.ts'
import { bandOf, type Rubric } from '../rubrics/rubric.ts'
import { findDoubts } from './doubts.ts'

const maxReason = 2_000

const Verdict = z.object({
  quality: z.enum(['high', 'medium', 'low']),
  score: z.number().int().min(0).max(100),
  reason: z.string().trim().min(1),
})
/** With the quotes it rests on, where the model gives them; what else it calls evidence is none. */
const Answer = Verdict.extend({ evidence: z.array(z.string()).catch([]) })
type Answer = z.output<typeof Answer>

/** What leaves the model is one word, one number and one text; nothing else of it is used. */
export interface JudgedVerdict extends z.output<typeof Verdict> {
  /** Why a person should look before trusting the verdict; empty = nothing doubtful was found. */
  readonly doubts: string[]
  readonly rubric: string
}

/** The question by a rubric, what it costs at most, the shape of its answer, and how the answer becomes a verdict. */
export function prepareVerdict(options: { rubric: Rubric; text: string; seed: string }) {
  const { rubric } = options
  const prompt = judgePrompt(options)
  return {
    prompt,
    mostTokens: mostTokens(prompt),
    schema: askOnceMoreWhenOutOfBand(rubric),
    read: (answer: Answer): JudgedVerdict => ({
      quality: answer.quality,
      score: answer.score,
      reason: tidyReason(answer.reason),
      doubts: [
        ...(inBand(answer, rubric) ? [] : ['quality and score contradict each other']),
        ...findDoubts(answer, options.text),
      ],
      rubric: rubric.id,
    }),
  }
}

function inBand({ quality, score }: Pick<Answer, 'quality' | 'score'>, rubric: Rubric): boolean {
  return quality === bandOf(score, rubric.bands)
}

/** A word and a number that contradict each other are asked for once more; if they still do, the verdict is a doubtful one. */
function askOnceMoreWhenOutOfBand(rubric: Rubric): z.ZodType<Answer> {
  const { medium, high } = rubric.bands
  let asked = false
  return Answer.superRefine((verdict, issues) => {
    if (asked || inBand(verdict, rubric)) return
    asked = true
    issues.addIssue({
      code: 'custom',
      path: ['score'],
      message: `quality ${verdict.quality} and score ${verdict.score} contradict each other (high ${high}-100, medium ${medium}-${high - 1}, low 0-${medium - 1})`,
    })
  })
}

/** The text goes into a CRM card: no markup, no links, no control characters, bounded. */
function tidyReason(reason: string): string {
  const plain = reason
    .replace(/\[\/?[a-z*]+(?:=[^\]]*)?\]/gi, '')
    .replace(/<\/?[a-z][^>]*>/gi, '')
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain.length > maxReason ? `${plain.slice(0, maxReason - 1)}…` : plain
}
