import { createHash } from 'node:crypto'

/** The fence around data in a prompt: it carries a word that their authors cannot know, and stays the same when the step runs again. */
export function makeFence(of: string, seed: string): string {
  return `${of}-${createHash('sha256').update(`fence ${seed}`).digest('hex').slice(0, 12)}`
}
