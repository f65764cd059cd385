import type { Counted, Figures } from './report-input.ts'

type Language = 'ru' | 'en'

const words = {
  ru: {
    title: 'Отчёт по продажам',
    by: { manager: 'по менеджерам', source: 'по источникам' },
    nobody: { manager: 'без менеджера', source: 'без источника' },
    summary: (one: Counted) =>
      `Звонков: ${one.calls}, из них высокий интерес: ${one.high}, средний: ${one.medium}, низкий: ${one.low}. Лидов: ${one.leads}, конверсия ${one.conversion}%. Сделок: ${one.deals}, выиграно: ${one.won} на ${one.wonAmount}.`,
    line: (one: Counted) =>
      `звонки ${one.calls} (${one.high}/${one.medium}/${one.low}), лиды ${one.leads}, конверсия ${one.conversion}%, сделки ${one.deals}, выиграно ${one.won} на ${one.wonAmount}`,
    rest: 'прочих строк',
  },
  en: {
    title: 'Sales report',
    by: { manager: 'by manager', source: 'by source' },
    nobody: { manager: 'nobody', source: 'no source' },
    summary: (one: Counted) =>
      `Calls: ${one.calls}, of high interest: ${one.high}, medium: ${one.medium}, low: ${one.low}. Leads: ${one.leads}, conversion ${one.conversion}%. Deals: ${one.deals}, won: ${one.won} for ${one.wonAmount}.`,
    line: (one: Counted) =>
      `calls ${one.calls} (${one.high}/${one.medium}/${one.low}), leads ${one.leads}, conversion ${one.conversion}%, deals ${one.deals}, won ${one.won} for ${one.wonAmount}`,
    rest: 'further rows',
  },
} as const
const mostLines = 30

/** The plain text of a report, where no model's is to be had. */
export function summarise(figures: Figures, language: Language): string {
  return words[language].summary(figures.total)
}

export function nobodyName(by: Figures['by'], language: Language): string {
  return words[language].nobody[by]
}

/** All of the report as it is sent: heading, prose, a line for each manager or source, and the mark by which it is known again. */
export function layOutReport(
  figures: Figures,
  prose: string,
  options: { language: Language; ref: string; sandbox: boolean },
): string {
  const { title, by, line, rest } = words[options.language]
  const lines = figures.groups.slice(0, mostLines).map((group) => `${group.name}: ${line(group)}`)
  const left = figures.groups.length - lines.length
  return [
    `${options.sandbox ? 'SANDBOX. ' : ''}${title} ${figures.firstDay} – ${figures.lastDay}, ${by[figures.by]}`,
    prose,
    ...lines,
    ...(left > 0 ? [`(${rest}: ${left})`] : []),
    `ref: ${options.ref}`,
  ].join('\n')
}
