import type { Language } from './language.ts'

const nothingChanged = 'Ничего не изменено.'
const lookAgain = 'Откройте страницу заново и посмотрите, что с ним стало.'

/** Why something was not done, and what to do about it; by the kind of the problem. */
const ru: Readonly<Record<string, readonly [detail: string, mend: string]>> = {
  not_allowed: ['Ваша роль этого не позволяет.', 'Попросите администратора сделать это или дать роль.'],
  invalid_input: ['Поле заполнено неверно.', `Исправьте его и отправьте снова. ${nothingChanged}`],
  not_possible: ['Сейчас это невозможно.', nothingChanged],
  bad_request: ['Запрос не понят.', nothingChanged],
  bug: ['Ошибка в Callsift.', 'Подробности в журнале программы.'],
  record_away: ['База данных не отвечает.', 'Попробуйте ещё раз чуть позже.'],
  login_needed: ['Вы не вошли.', 'Войдите и повторите.'],
  cross_site: ['Запрос пришёл не с этой страницы.', 'Откройте страницу здесь и нажмите кнопку на ней.'],
  not_a_user: ['Прокси назвал того, кого среди пользователей нет.', 'Пользователя добавляет администратор.'],
  link_used: ['Ссылка уже использована или устарела.', 'Попросите администратора о новой.'],
  too_many_tries: ['Слишком много попыток.', 'Подождите минуту.'],
  under_way: ['Это уже выполняется.', 'Посмотрите через секунду.'],
  idempotency_key_reused: ['Эта форма уже отправлена с другими значениями.', 'Откройте страницу заново.'],
  nothing_here: ['Такого адреса нет.', 'Проверьте ссылку.'],
  last_admin: ['Это единственный администратор.', 'Сначала сделайте администратором кого-нибудь ещё.'],
  unknown_user: ['Такого пользователя нет.', 'Возможно, его уже удалили.'],
  unknown_token: ['Действующего токена с таким номером нет.', 'Возможно, он уже отозван.'],
  unknown_call: ['Такого звонка нет.', 'Проверьте номер; звонок могли удалить по просьбе клиента.'],
  erased: ['Звонок удалён по просьбе клиента.', 'Он не вернётся.'],
  unknown_batch: ['Такого пакета нет.', 'Посмотрите в списке пакетов.'],
  unknown_retry: ['Такого повтора нет.', 'Посмотрите в списке пакетов.'],
  unknown_schedule: ['Такого расписания нет.', 'Возможно, его уже удалили.'],
  unknown_workflow: ['Такого процесса нет.', 'Выберите процесс из списка.'],
  unknown_portal: ['Такого портала нет.', 'Посмотрите: callsift portal list'],
  unknown_step: ['У звонка нет такого шага.', 'Выберите шаг из списка.'],
  unknown_upload: ['Такой загрузки нет.', 'Загрузите запись снова.'],
  unknown_rubric: ['Такой рубрики нет.', 'Посмотрите: callsift rubric list'],
  unknown_router_key: ['Такого ключа роутера нет.', 'Возможно, он уже отозван.'],
  unknown_operation: ['Такой операции нет.', 'Посмотрите список операций.'],
  already_running: ['Такой пакет уже идёт.', 'Дождитесь его или отмените.'],
  already_ended: ['Звонок уже закончен.', lookAgain],
  not_running: ['Пакет уже не идёт.', 'Делать с ним больше нечего.'],
  not_started: ['Запуск не состоялся.', 'Возможно, прежний запуск ещё идёт.'],
  name_taken: ['Такое имя уже занято.', 'Выберите другое.'],
  member_taken: ['Этот портал уже добавлен под другим именем.', 'Посмотрите: callsift portal list'],
  invalid_cron: [
    'Расписание или часовой пояс не читаются.',
    'Пять полей: минута час день месяц день недели, например 0 3 * * *; пояс, например Europe/Moscow.',
  ],
  nothing_parked: ['Повторять нечего: звонок не стоит.', lookAgain],
  nothing_written: ['Записи в CRM ещё не было.', 'Сначала дождитесь первой записи.'],
  moved_on: ['Звонок уже запустил снова кто-то другой.', lookAgain],
  write_in_doubt: ['Неизвестно, легла ли прежняя запись в CRM.', 'Подождите минуту: лента проверяется.'],
  no_verdict: ['Вердикта у звонка нет.', 'Решать пока нечего.'],
  not_marked: ['По этой причине ничего не решено.', 'Возвращать нечего.'],
  no_closed_gate: ['Этот шлюз уже открыт.', 'Делать ничего не нужно.'],
  no_recording: ['Записи этого звонка нет.', 'Расшифровка остаётся и без неё.'],
  no_channel: ['Оповещения некуда отправлять.', 'Настройте канал оповещений.'],
  no_portal: ['Ни одного портала ещё нет.', 'Добавьте: callsift portal add'],
  not_judged: ['Текст не оценён.', 'Попробуйте позже.'],
  portal_not_asked: ['Портал не ответил.', 'Попробуйте позже.'],
  sandbox: ['Это песочница.', 'С настоящим порталом это возможно.'],
  short_phone: ['В номере слишком мало цифр.', 'Укажите номер целиком.'],
  key_not_shared: ['Ключ шифрования не общий для всех процессов.', 'Задайте его всем одинаково.'],
  upload_quota: ['Для записей здесь не осталось места.', 'Увеличьте CALLSIFT_UPLOAD_QUOTA_MB.'],
  too_large: ['Слишком много данных.', nothingChanged],
}

/** What a page says of a problem. In Russian the program's own words stand behind it: they name ids and fields. */
export function problemWords(
  { code }: Language,
  problem: { kind: string; detail: string; mend: string },
): { detail: string; mend: string; exactly: string | null } {
  const text = code === 'ru' && Object.hasOwn(ru, problem.kind) ? ru[problem.kind] : undefined
  if (text === undefined) return { detail: problem.detail, mend: problem.mend, exactly: null }
  return { detail: text[0], mend: text[1], exactly: problem.detail }
}
