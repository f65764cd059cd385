import { en, type Words } from './en.ts'
import { ru } from './ru.ts'

export interface Language {
  readonly code: 'en' | 'ru'
  readonly words: Words
}

const languages: Readonly<Record<'en' | 'ru', Language>> = {
  en: { code: 'en', words: en },
  ru: { code: 'ru', words: ru },
}

/** The chosen language, else the one that the browser asks for first of the two there are; English when it asks for neither. */
export function chooseLanguage(acceptLanguage: string | undefined, chosen?: string): Language {
  if (chosen === 'en' || chosen === 'ru') return languages[chosen]
  const asked = (acceptLanguage ?? '')
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag = '', ...options] = part.trim().toLowerCase().split(';')
      const q = options.map((option) => /^\s*q=([\d.]+)/.exec(option)?.[1]).find((value) => value !== undefined)
      return { language: tag.split('-')[0], q: q === undefined ? 1 : Number(q) }
    })
    .filter((one) => (one.language === 'en' || one.language === 'ru') && one.q > 0)
    .sort((a, b) => b.q - a.q)
  return languages[asked[0]?.language === 'ru' ? 'ru' : 'en']
}
