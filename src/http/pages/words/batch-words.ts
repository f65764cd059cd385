import type { Language } from './language.ts'

const words = {
  workflows: { en: 'Workflows over many records', ru: 'Обработка многих записей' },
  none: { en: 'None has run yet.', ru: 'Ещё не запускались.' },
  runs: { en: 'runs', ru: 'запусков' },
  paused: { en: 'paused', ru: 'на паузе' },
  pause: { en: 'Pause', ru: 'Пауза' },
  resume: { en: 'Go on', ru: 'Продолжить' },
  cancel: { en: 'End it', ru: 'Завершить' },
  next: { en: 'next', ru: 'следующий запуск' },
  leftOut: { en: 'left out', ru: 'пропущено' },
  fromEnvironment: { en: 'from the environment', ru: 'из окружения' },
} as const

/** Of batches and their schedules. */
export function batchWords({ code }: Language): Readonly<Record<keyof typeof words, string>> {
  const told = Object.entries(words).map(([name, text]) => [name, text[code]])
  return Object.fromEntries(told) as Record<keyof typeof words, string>
}
