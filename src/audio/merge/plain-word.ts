/** A word as it is compared: without its case and punctuation; empty where nothing else is in it. */
export function plainWord(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}
