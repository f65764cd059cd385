const ours = /(?:наш|нашего|нашему|менеджер|оператор|колл-центр|our|manager|operator|call centre)/iu
const company =
  /(?:(?:ООО|ОАО|ЗАО|ПАО|АО|ИП) (?:«[^»\n]{2,60}»|"[^"\n]{2,60}"|\p{Lu}[\p{L}\d-]+)|\p{Lu}[\p{L}\d&-]*(?: \p{Lu}[\p{L}\d&-]*){0,3} (?:LLC|Ltd|Inc|GmbH|Corp))/u

/**
 * How the sandbox's model finds a customer's data: the first placeholder of a phone and of an e-mail address in a sentence that does
 * not speak of the seller's own people, and the first name with a company's legal form.
 */
export function extractFrom(notes: string): { phone: string | null; email: string | null; company: string | null } {
  const sentences = notes.split(/(?<=[.!?;])\s+|\n/).filter((sentence) => !ours.test(sentence))
  const first = (kind: string) => {
    for (const sentence of sentences) {
      const found = new RegExp(`\\[(${kind}_\\d+)\\]`).exec(sentence)?.[1]
      if (found !== undefined) return found
    }
    return null
  }
  const named = sentences.map((sentence) => company.exec(sentence)?.[0]).find((name) => name !== undefined)
  return { phone: first('PHONE'), email: first('EMAIL'), company: named ?? null }
}
