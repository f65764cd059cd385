/** A cell that a spreadsheet would take for a formula gets an apostrophe before it: names and reasons come from strangers. */
export function guardFormula(text: string): string {
  return /^[\s]*[=+\-@]|^[\t\r\n]/.test(text) ? `'${text}` : text
}
