type Language = 'ru' | 'en'

/** By letters: the model is told to answer in the language it was asked in, and so does the code. */
export function languageOf(text: string): Language {
  const cyrillic = (text.match(/\p{Script=Cyrillic}/gu) ?? []).length
  const latin = (text.match(/\p{Script=Latin}/gu) ?? []).length
  return cyrillic >= latin && cyrillic > 0 ? 'ru' : 'en'
}

/** Sentences that no model writes. */
export const chatWords: Readonly<Record<Language, { handover: string; limit: string; nothing: string }>> = {
  ru: {
    handover: 'Передаю разговор человеку: он ответит здесь. Я больше не отвечаю в этом диалоге.',
    limit: 'Вы задали много вопросов за час. Напишите, пожалуйста, позже или попросите позвать человека.',
    nothing: 'На это я ответить не могу. Попросите позвать человека.',
  },
  en: {
    handover: 'A person takes over and will answer here. I say no more in this dialogue.',
    limit: 'That was many questions within an hour. Please write later, or ask for a person.',
    nothing: 'I cannot answer that. You may ask for a person.',
  },
}

const plain = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll('ё', 'е')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()

/** Whether one of the phrases stands in the text, as whole words. A single word counts in a message of three at most: «оператор» is asked after, too. */
export function hasPhrase(text: string, phrases: readonly string[]): boolean {
  const said = plain(text)
  const isShort = said.split(' ').length <= 3
  return phrases.some((one) => {
    const phrase = plain(one)
    return phrase !== '' && (isShort || phrase.includes(' ')) && ` ${said} `.includes(` ${phrase} `)
  })
}

/** Whether somebody asks what a call came to. */
export function asksForVerdict(text: string): boolean {
  return /(?:последн|прошл|оцен|вердикт|балл|результат)\p{L}*(?:\s+\p{L}+){0,4}?\s+(?:звон|разговор)\p{L}*|(?:звон|разговор)\p{L}*[^.!?]{0,40}(?:оцен|вердикт|балл)\p{L}*|(?:last|latest|previous)\s+call|call(?:'s)?\s+(?:verdict|score|rating)|(?:verdict|score|rating)[^.!?]{0,30}\bcall/iu.test(
    text,
  )
}
