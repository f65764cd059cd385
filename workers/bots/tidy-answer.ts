const longest = 4_000
/** A shorter piece of the rules may stand in an answer by chance. */
const ruleLength = 50

/**
 * What a model wrote, made fit for a chat: no markup that would become a button, a link or a mention, no address that its operator did not
 * write, no placeholder, and nothing of the rules it was given. Null where nothing is left to be said.
 */
export function tidyAnswer(
  answer: string,
  given: { instructions: string; system: string; fence: string },
): string | null {
  if (answer.includes(given.fence) || repeatsRules(answer, given.system)) return null
  const text = answer
    .normalize('NFC')
    .replace(/<\/?[a-z][^>]*>/gi, '')
    .replace(/\[\/?[a-z*]+(?:=[^\]]*)?\]/gi, '')
    .replace(/\[[A-Z]+_\d+\]/g, '•••')
    .replace(/(?:https?:\/\/|www\.)[^\s<>"')\]]+/gi, (address) =>
      given.instructions.includes(address) ? address : '•••',
    )
    .replace(/[^\P{C}\n]+/gu, ' ')
    .replace(/[ \t]+/g, ' ')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  if (!/[\p{L}\p{N}]/u.test(text)) return null
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}

function repeatsRules(answer: string, system: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/\s+/g, ' ')
  const said = plain(answer)
  const rules = plain(system)
  for (let at = 0; at + ruleLength <= rules.length; at += 10)
    if (said.includes(rules.slice(at, at + ruleLength))) return true
  return false
}
