import { describeReason } from '../../../ops/delivery-text.ts'
import type { Language } from './language.ts'

const ru: Readonly<Record<string, { sentence: string; mend: string }>> = {
  wrong_token: {
    sentence: 'Портал известен, но токен приложения не его.',
    mend: 'Скопируйте токен исходящего вебхука из Битрикс24: callsift portal add. Если отправляли не вы, кто-то подбирает токен.',
  },
  unknown_member: {
    sentence: 'Событие называет портал (member id), которого здесь нет.',
    mend: 'Добавьте его: callsift portal add. Если портал чужой, закройте адрес отправителя.',
  },
  wrong_robot_secret: {
    sentence: 'В адресе робота секрет, которого нет ни у одного портала.',
    mend: 'Сделайте новый адрес (callsift portal add с --robot) и вставьте его в робота.',
  },
  unknown_sender: {
    sentence: 'Токен и member id не принадлежат ни одному порталу.',
    mend: 'Сравните их с исходящим вебхуком в Битрикс24, затем: callsift portal add',
  },
  invalid_event: {
    sentence: 'Событие не такого вида, какой шлёт Битрикс24.',
    mend: 'Если его собирали вручную, используйте исходящий вебхук Битрикс24 как есть.',
  },
  invalid_robot: {
    sentence: 'В адресе робота нет звонка, или запись названа неверно.',
    mend: 'Добавьте в адрес робота callId=… или activityId=…; entity= идёт вместе с id=.',
  },
  event_not_used: { sentence: 'С этим событием ничего не делается.', mend: 'Ничего делать не нужно.' },
  unknown_activity: {
    sentence: 'Дело CRM не относится к известному звонку.',
    mend: 'Ничего делать не нужно: большинство дел не звонки. Пропущенный звонок найдёт callsift reconcile',
  },
  erased: {
    sentence: 'Звонок был стёрт по просьбе и заново не берётся.',
    mend: 'Ничего делать не нужно: для того и стирают.',
  },
  stale: { sentence: 'Событие старше трёх дней.', mend: 'Прошлые звонки берёт: callsift backfill --since ДАТА' },
  no_conversation: {
    sentence: 'Разговора не было: звонок пропущен, отклонён или длился 0 секунд.',
    mend: 'Ничего делать не нужно: записи нет.',
  },
  information_call: { sentence: 'Говорил робот (информационный звонок).', mend: 'Ничего делать не нужно.' },
  too_short: {
    sentence: 'Звонок короче наименьшей длины.',
    mend: 'Чтобы такие оценивались: callsift portal set ID minSeconds=ЧИСЛО',
  },
  direction: {
    sentence: 'Настройка портала исключает это направление.',
    mend: 'Чтобы такие оценивались: callsift portal set ID directions=in,out',
  },
  user: {
    sentence: 'Настройка портала исключает этого сотрудника.',
    mend: 'Добавьте его или снимите настройку: callsift portal set ID users=',
  },
  line: {
    sentence: 'Настройка портала исключает эту линию.',
    mend: 'Добавьте её или снимите настройку: callsift portal set ID lines=',
  },
}

/** Why a delivery was not taken in, and the mend, in the reader's language. */
export function reasonWords(
  { code }: Language,
  reason: string | null,
  portalId: string | null,
): { sentence: string | null; mend: string | null } {
  if (code === 'en' || reason === null || !Object.hasOwn(ru, reason)) return describeReason(reason, portalId)
  const text = ru[reason]
  return { sentence: text?.sentence ?? null, mend: text?.mend.replace(' ID ', ` ${portalId ?? 'ID'} `) ?? null }
}
