/**
 * How the sandbox's model writes about a product: a sentence for each fact it was given, then sentences that say nothing, until the text
 * is as long as asked for. In Russian where that is asked for, or where the facts are; no number but those of the facts.
 */
export function writeAbout(facts: string, instructions: string): string {
  const given = new Map(
    facts.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+): (.+)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
  const language = /Language: (Russian|English)/.exec(instructions)?.[1]
  const russian = language === undefined ? /\p{Script=Cyrillic}/u.test(facts) : language === 'Russian'
  const [, least = '0', most = '100000'] = /Length: (\d+) to (\d+) characters/.exec(instructions) ?? []
  const { about, price, fillers } = russian ? words.ru : words.en
  const sentences = [about(given.get('name') ?? '', given.get('previewText'))]
  const amount = given.get('price')
  if (amount !== undefined) sentences.push(price(amount, given.get('currency') ?? ''))
  let text = sentences.join(' ')
  for (let n = 0; text.length < Number(least); n += 1) text += ` ${fillers[n % fillers.length]}`
  return text.slice(0, Number(most))
}

const words = {
  ru: {
    about: (name: string, preview: string | undefined) =>
      preview === undefined ? `${name} из каталога SANDBOX.` : `${name}: ${preview.replace(/\.$/, '')}.`,
    price: (price: string, currency: string) => `Цена ${price} ${currency}.`.replace(' .', '.'),
    fillers: [
      'Подойдёт для дома и для работы.',
      'Все свойства указаны в карточке товара.',
      'Подробности подскажет менеджер.',
      'Описание составлено по данным каталога.',
    ],
  },
  en: {
    about: (name: string, preview: string | undefined) =>
      preview === undefined ? `${name} from the SANDBOX catalogue.` : `${name}: ${preview.replace(/\.$/, '')}.`,
    price: (price: string, currency: string) => `The price is ${price} ${currency}.`.replace(' .', '.'),
    fillers: [
      'It suits both home and work.',
      'All its properties stand in the product card.',
      'A manager will gladly tell you more.',
      'This description is made of catalogue data.',
    ],
  },
} as const
