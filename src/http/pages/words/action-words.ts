import type { Language } from './language.ts'

const en: Readonly<Record<string, string>> = {
  'call.submit': 'submitted it',
  'call.retry': 'retried it',
  'call.rerun': 'ran it again',
  'call.assign': 'assigned it',
  'call.write-again': 'had it written again',
  'call.cancel': 'cancelled it',
  'call.erase': 'erased it',
  'review.decide': 'reviewed the verdict',
}
const ru: Readonly<Record<string, string>> = {
  'call.submit': 'отправил звонок',
  'call.retry': 'повторил',
  'call.rerun': 'выполнил снова',
  'call.assign': 'назначил',
  'call.write-again': 'велел записать ещё раз',
  'call.cancel': 'снял с обработки',
  'call.erase': 'удалил',
  'review.decide': 'проверил вердикт',
}
const details: Readonly<Record<string, string>> = {
  from: 'с шага',
  reason: 'причина',
  decision: 'решение',
  quality: 'оценка',
  score: 'балл',
  entityTypeId: 'вид записи',
  entityId: 'номер',
}

/** What somebody did with a call, in the reader's language. */
export function actionWords({ code }: Language, action: string): string {
  const known = code === 'ru' ? ru : en
  return Object.hasOwn(known, action) ? (known[action] ?? action) : action
}

export function detailWords({ code }: Language, name: string): string {
  return code === 'ru' && Object.hasOwn(details, name) ? (details[name] ?? name) : name
}
