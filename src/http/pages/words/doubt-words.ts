import type { Language } from './language.ts'

const ru: readonly (readonly [RegExp, string])[] = [
  [/^quality and score contradict each other$/, 'оценка и балл противоречат друг другу'],
  [/^a score of (\d+) from (\d+) words$/, 'балл $1 по $2 словам'],
  [/^the reason quotes nothing that was said$/, 'обоснование не цитирует сказанного'],
  [/^the call tells the judge what to score$/, 'в звонке подсказывают, какой балл поставить'],
  [/^the call addresses a model$/, 'в звонке обращаются к модели'],
  [/^the call carries markup or code$/, 'в звонке звучат разметка или код'],
  [/^the call is encoded$/, 'в звонке есть закодированный текст'],
  [/^the call hides characters$/, 'в расшифровке есть скрытые знаки'],
  [/^the call mixes alphabets within words$/, 'в словах смешаны алфавиты'],
  [/^numbers that the product does not have: (.+)$/, 'числа, которых у товара нет: $1'],
  [/^the product tells the judge what to score$/, 'в полях товара подсказывают, какой балл поставить'],
  [/^the product addresses a model$/, 'в полях товара обращаются к модели'],
  [/^the product carries markup or code$/, 'в полях товара есть разметка или код'],
  [/^the product is encoded$/, 'в полях товара есть закодированный текст'],
  [/^the product hides characters$/, 'в полях товара есть скрытые знаки'],
  [/^the product mixes alphabets within words$/, 'в словах полей товара смешаны алфавиты'],
  [/^the product threatens the system$/, 'в полях товара угрожают системе'],
  [/^the call threatens the system$/, 'в звонке угрожают системе'],
]

/** Why a verdict is doubtful, in the reader's language. */
export function doubtWords({ code }: Language, doubt: string): string {
  if (code === 'en') return doubt
  const found = ru.find(([shape]) => shape.test(doubt))
  return found === undefined ? doubt : doubt.replace(found[0], found[1])
}
