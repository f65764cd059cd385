/**
 * A text as it was heard, without what no voice says and a screen or a log obeys: control characters, and marks that turn the direction
 * of writing round. Characters nobody sees are left in: whoever hides words in them is found by them.
 */
export function cleanSpeech(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
}
