import type { Language } from './language.ts'

const words = {
  en: {
    runs: 'Runs of workflows',
    noRuns: 'No workflow has run over a portal yet.',
    bots: 'Chat bots',
    asked: 'last asked',
    off: 'off',
    withPerson: 'With a person',
    began: 'began',
    next: 'next',
    paused: 'paused',
    leftOut: 'left out',
    noMessages: 'nothing was said to it lately',
  },
  ru: {
    runs: 'Запуски процессов',
    noRuns: 'Процессы ещё не запускались.',
    bots: 'Чат-боты',
    asked: 'последний опрос',
    off: 'выключен',
    withPerson: 'У человека',
    began: 'начат',
    next: 'следующий',
    paused: 'на паузе',
    leftOut: 'пропущен',
    noMessages: 'в последнее время ему не писали',
  },
} as const

const workflows: Readonly<Record<string, { en: string; ru: string }>> = {
  scoreLeads: { en: 'Lead scoring', ru: 'Оценка лидов' },
  'score-leads': { en: 'Lead scoring', ru: 'Оценка лидов' },
  reportSales: { en: 'Sales report', ru: 'Отчёт по продажам' },
  report: { en: 'Sales report', ru: 'Отчёт по продажам' },
}

/** How messages to a bot ended, beside the classes of failures. */
const ends: Readonly<Record<string, { en: string; ru: string }>> = {
  answered: { en: 'answered', ru: 'отвечено' },
  done: { en: 'a person was called', ru: 'позван человек' },
  handed_over: { en: 'left to a person', ru: 'оставлено человеку' },
  user_limit: { en: 'over the limit', ru: 'сверх лимита' },
  too_late: { en: 'too late', ru: 'слишком поздно' },
  forgotten: { en: 'forgotten', ru: 'забыто' },
  bot_off: { en: 'while it was off', ru: 'пока был выключен' },
  observed: { en: 'shown only', ru: 'только показано' },
  running: { en: 'under way', ru: 'в работе' },
  parked: { en: 'parked', ru: 'ждёт человека' },
}

export function workWords({ code }: Language) {
  return words[code]
}

export function workflowWord({ code }: Language, name: string): string {
  return Object.hasOwn(workflows, name) ? (workflows[name]?.[code] ?? name) : name
}

export function endWord({ code }: Language, name: string): string {
  return Object.hasOwn(ends, name) ? (ends[name]?.[code] ?? name) : name.replaceAll('_', ' ')
}
