const en = {
  title: 'Callsift',
  sandboxBanner: 'SANDBOX: the portal, its calls and the AI are played by this program. Nothing here is real.',
  allGood: 'Everything is alright.',
  observing: 'Observe mode: verdicts are shown here, nothing is written to the CRM of',
  calls: 'Calls',
  running: 'Running',
  done: 'Done',
  parked: 'Need a person',
  cancelled: 'Cancelled',
  entriesToday: 'Entries written today (UTC)',
  workers: 'Workers alive',
  oldest: 'Longest on its way',
  waitingFor: 'What waits, and why',
  waiting: 'waits',
  blocked: 'behind a closed gate',
  nothingWaits: 'Nothing waits.',
  gates: 'Closed gates',
  opensIn: 'opens in',
  opensByPerson: 'opens when a person has mended it',
  seconds: 's',
  portals: 'Portals',
  lastEvent: 'last event',
  never: 'never',
  lastCalls: 'The last calls',
  none: 'None yet.',
  steps: 'Steps',
  verdict: 'Verdict',
  transcript: 'Transcript',
  agent: 'Agent',
  customer: 'Customer',
  entry: 'Entry',
  deliveries: 'Deliveries',
  attempts: 'Attempts',
  back: 'Back',
  call: 'Call',
  whatToDo: 'What to do',
  ticket: 'A text for the ticket',
  step: 'Step',
  state: 'State',
  cause: 'Cause',
  when: 'When',
  duration: 'Duration',
  portal: 'Portal',
  phone: 'Phone',
  record: 'Record',
  queue: 'Queue',
} as const

type Words = Readonly<Record<keyof typeof en, string>>

const ru: Words = {
  title: 'Callsift',
  sandboxBanner: 'SANDBOX (песочница): портал, звонки и ИИ изображает сама программа. Всё здесь ненастоящее.',
  allGood: 'Всё в порядке.',
  observing: 'Режим наблюдения: оценки видны здесь, в CRM ничего не пишется. Порталы:',
  calls: 'Звонки',
  running: 'В работе',
  done: 'Готово',
  parked: 'Нужен человек',
  cancelled: 'Отменено',
  entriesToday: 'Записей сегодня (UTC)',
  workers: 'Живых обработчиков',
  oldest: 'Дольше всех в пути',
  waitingFor: 'Что ждёт и почему',
  waiting: 'ждёт',
  blocked: 'за закрытым шлюзом',
  nothingWaits: 'Ничего не ждёт.',
  gates: 'Закрытые шлюзы',
  opensIn: 'откроется через',
  opensByPerson: 'откроется, когда человек устранит причину',
  seconds: 'с',
  portals: 'Порталы',
  lastEvent: 'последнее событие',
  never: 'не было',
  lastCalls: 'Последние звонки',
  none: 'Пока нет.',
  steps: 'Шаги',
  verdict: 'Оценка',
  transcript: 'Расшифровка',
  agent: 'Менеджер',
  customer: 'Клиент',
  entry: 'Запись в CRM',
  deliveries: 'Доставки',
  attempts: 'Попытки',
  back: 'Назад',
  call: 'Звонок',
  whatToDo: 'Что сделать',
  ticket: 'Текст для обращения в поддержку',
  step: 'Шаг',
  state: 'Состояние',
  cause: 'Причина',
  when: 'Когда',
  duration: 'Длительность',
  portal: 'Портал',
  phone: 'Телефон',
  record: 'Хранилище',
  queue: 'Очередь',
}

export interface Language {
  readonly code: 'en' | 'ru'
  readonly words: Words
}

/** The language that the browser asks for first, of the two there are; English when it asks for neither. */
export function chooseLanguage(acceptLanguage: string | undefined): Language {
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
  return asked[0]?.language === 'ru' ? { code: 'ru', words: ru } : { code: 'en', words: en }
}
