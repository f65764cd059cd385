import { plainLetters } from '../plain-letters.ts'

/** Shorter spans are found in any conversation and prove nothing. */
const fewestLetters = 6

/** What stands between quotation marks, of any kind. */
function quotedIn(text: string): string[] {
  return [...text.matchAll(/«([^»]{2,400})»|“([^”]{2,400})”|„([^“”]{2,400})[“”]|"([^"]{2,400})"/gu)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '',
  )
}

/**
 * Whether a verdict rests on something that was said: one span that the model quotes, in its reason or as its evidence, stands in the
 * transcript. The code looks, not the model. A span that is itself an order to the judge is no evidence of anything.
 */
export function restsOnSpeech(
  verdict: { reason: string; evidence: readonly string[] },
  transcript: string,
  isOrder: (span: string) => boolean,
): boolean {
  const said = ` ${plainLetters(transcript)} `
  return [...verdict.evidence, ...quotedIn(verdict.reason)].some((span) => {
    const wanted = plainLetters(span)
    return wanted.length >= fewestLetters && said.includes(` ${wanted} `) && !isOrder(span)
  })
}
