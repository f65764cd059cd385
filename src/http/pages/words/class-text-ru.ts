import type { ClassText } from '../../../wire/class-text.ts'

const goesOn = 'Всё, что ждало, продолжится само.'
const newKey = `Укажите действующий ключ в VIBECODE_API_KEY и перезапустите, затем выполните callsift doctor. ${goesOn}`
const selfHealing = 'Ничего делать не нужно: попытка повторится сама.'
const report = 'Если не проходит, отправьте в поддержку VibeCode идентификатор запроса.'
const noRepeat = 'Повтор ничего не изменит: посмотрите текст ошибки.'

/** What `wire/class-text.ts` says, in Russian; a test holds the two together. */
export const classTextsRu: Readonly<Record<string, ClassText>> = {
  rate_limited: {
    title: 'VibeCode просит подождать (лимит запросов)',
    mend: 'Ничего делать не нужно: запросы не отправляются, пока лимит не обновится.',
  },
  error_loop: {
    title: 'VibeCode приостановил ключ после повторных ошибок',
    mend: `${selfHealing} Найдите ошибку, которая повторялась перед этим.`,
  },
  operation_time_limit: { title: 'Портал исчерпал время обработки', mend: selfHealing },
  queue_timeout: { title: 'Портал был занят и не принял запрос', mend: selfHealing },
  portal_limit: { title: 'Портал ограничивает запросы', mend: selfHealing },
  portal_overload: {
    title: 'Битрикс24 заблокировал портал из-за перегрузки',
    mend: 'Если длится часами, обратитесь в поддержку Битрикс24; попытка повторится сама.',
  },
  missing_api_key: { title: 'Ключ API не дошёл до VibeCode', mend: newKey },
  invalid_api_key: { title: 'VibeCode не принял ключ API', mend: newKey },
  invalid_app_key: { title: 'VibeCode не принял ключ приложения', mend: newKey },
  key_revoked: { title: 'Ключ API отозван', mend: newKey },
  key_expired: { title: 'Срок ключа API истёк', mend: newKey },
  token_missing: {
    title: 'VibeCode требует с этим ключом токен сессии',
    mend: 'Используйте личный ключ (vibe_api_…) в VIBECODE_API_KEY.',
  },
  token_expired: { title: 'Сессия портала для ключа истекла', mend: newKey },
  token_refresh_failed: {
    title: 'VibeCode потерял связь с порталом',
    mend: `Подключите портал в VibeCode заново. ${goesOn}`,
  },
  wrong_key_type: {
    title: 'Ключ не того вида',
    mend: 'Используйте личный ключ (vibe_api_…): ключи управления не видят данных CRM.',
  },
  auth_required: { title: 'VibeCode требует ключ', mend: newKey },
  unauthorized: { title: 'VibeCode не принял ключ API', mend: newKey },
  insufficient_balance: {
    title: 'На балансе нет средств',
    mend: `Пополните баланс Vibe или выберите бесплатную модель. ${goesOn}`,
  },
  ai_credentials_not_configured: {
    title: 'У модели нет ключа поставщика',
    mend: `Подключите ключ поставщика в VibeCode или выберите модель bitrix/. ${goesOn}`,
  },
  billing_exhausted: { title: 'Бюджет аккаунта исчерпан', mend: `Пополните счёт в VibeCode. ${goesOn}` },
  account_frozen: {
    title: 'Аккаунт VibeCode заморожен',
    mend: `Попросите VibeCode разморозить его. ${goesOn}`,
  },
  commercial_plan_required: {
    title: 'У портала нет коммерческого тарифа',
    mend: `Для запросов к CRM нужен платный тариф Битрикс24. ${goesOn}`,
  },
  trial_ended: { title: 'Пробный период закончился', mend: `Выберите тариф в VibeCode. ${goesOn}` },
  payment_required: { title: 'VibeCode требует оплату', mend: `Проверьте баланс и тариф в VibeCode. ${goesOn}` },
  scope_missing: {
    title: 'Ключу API не хватает права',
    mend: `Дайте ключу права vibe:ai, crm, disk, telephony и user. ${goesOn}`,
  },
  ip_not_allowed: {
    title: 'Ключ нельзя использовать с этого адреса',
    mend: `Добавьте публичный адрес этого сервера в список разрешённых для ключа. ${goesOn}`,
  },
  access_denied: {
    title: 'Нет прав на эту запись',
    mend: 'Дайте владельцу ключа право на эту запись CRM и повторите звонок.',
  },
  cross_app_delete_forbidden: {
    title: 'Записи другого приложения не удаляются',
    mend: 'Записи, сделанные личным ключом, удалить нельзя.',
  },
  write_blocked_readonly_key: {
    title: 'Ключ может только читать',
    mend: 'Переключите ключ на чтение и запись и повторите звонок.',
  },
  oauth_required: { title: 'Маршрут требует ключ приложения', mend: 'Для личных ключей маршрут закрыт.' },
  waitlist_pending: { title: 'Аккаунт ещё ждёт допуска', mend: 'Попросите доступ у VibeCode, затем повторите.' },
  management_key_no_entity_access: {
    title: 'Ключ управления не видит данных CRM',
    mend: 'Используйте личный ключ (vibe_api_…).',
  },
  not_found: {
    title: 'Записи не существует',
    mend: 'Возможно, её удалили: назначьте другую запись и повторите звонок.',
  },
  ai_model_not_found: {
    title: 'VibeCode не знает такой модели',
    mend: 'Выберите модель из GET /v1/models и повторите.',
  },
  provider_not_found: { title: 'VibeCode не знает поставщика', mend: 'Проверьте имя модели и повторите.' },
  no_default_model: { title: 'Модель не указана', mend: 'Укажите модель в настройках.' },
  invalid_image_payload: { title: 'VibeCode не принял изображение', mend: noRepeat },
  invalid_language: {
    title: 'VibeCode не знает этого языка',
    mend: 'Укажите код ISO 639 из двух букв, например ru или en.',
  },
  no_file: { title: 'Запись не дошла', mend: 'Повторите звонок с начала.' },
  empty_file: { title: 'Запись пуста', mend: 'Проверьте запись в Битрикс24 и повторите звонок.' },
  base_url_invalid: { title: 'Адрес поставщика не http и не https', mend: 'Исправьте адрес.' },
  base_url_private: { title: 'Адрес поставщика внутренний', mend: 'Используйте публичный адрес.' },
  not_custom_provider: {
    title: 'Модели добавляются только к своим поставщикам',
    mend: 'Используйте своего поставщика.',
  },
  invalid_request: { title: 'VibeCode счёл запрос неверным', mend: noRepeat },
  method_not_allowed: {
    title: 'У VibeCode нет такого маршрута',
    mend: 'Обновите Callsift: API мог измениться.',
  },
  conflict: { title: 'Такое уже есть', mend: 'Посмотрите существующую запись.' },
  too_large: { title: 'Запрос слишком велик', mend: 'Используйте части короче.' },
  bitrix_error: {
    title: 'Портал отклонил запрос',
    mend: 'Посмотрите текст ошибки, исправьте в Битрикс24 и повторите звонок.',
  },
  credential_invalid: { title: 'Поставщик не принял свой ключ', mend: 'Укажите действующий ключ поставщика.' },
  unprocessable: { title: 'VibeCode не смог обработать запрос', mend: noRepeat },
  client_error: { title: 'VibeCode отклонил запрос', mend: noRepeat },
  internal_error: { title: 'Сбой внутри VibeCode', mend: report },
  server_error: { title: 'Сбой внутри VibeCode', mend: report },
  bitrix_unavailable: { title: 'Портал не ответил VibeCode', mend: selfHealing },
  ai_provider_unavailable: { title: 'Поставщик ИИ не работает', mend: selfHealing },
  bad_gateway: { title: 'VibeCode недоступен за своим шлюзом', mend: selfHealing },
  model_unavailable: { title: 'Модель отключена', mend: 'Выберите другую модель и повторите.' },
  service_unavailable: { title: 'VibeCode недоступен', mend: selfHealing },
  ai_provider_timeout: {
    title: 'Поставщик ИИ не уложился во время',
    mend: `${selfHealing} Длинные записи лучше делить на части короче.`,
  },
  gateway_timeout: { title: 'VibeCode не уложился во время', mend: selfHealing },
  network: {
    title: 'До VibeCode не достучаться',
    mend: 'Проверьте сеть и VIBECODE_BASE_URL; попытка повторится сама.',
  },
  timeout: { title: 'VibeCode не ответил вовремя', mend: selfHealing },
  aborted: { title: 'Запрос прерван здесь', mend: selfHealing },
  permit_lapsed: { title: 'Разрешение на отправку истекло до отправки', mend: selfHealing },
  bad_upstream: {
    title: 'VibeCode ответил неразборчиво',
    mend: `Проверьте, что VIBECODE_BASE_URL — адрес API. ${report}`,
  },
  bad_model_output: {
    title: 'Ответ модели дважды нарушил правила',
    mend: 'Повторите с другой моделью или оцените звонок сами.',
  },
  truncated_completion: {
    title: 'Ответ модели дважды оборвался',
    mend: 'Увеличьте предел токенов или возьмите другую модель.',
  },
  empty_completion: { title: 'Модель дважды ответила пустотой', mend: 'Повторите или возьмите другую модель.' },
  refused: {
    title: 'Модель отказалась отвечать',
    mend: 'Посмотрите расшифровку: оцените звонок сами или возьмите другую модель.',
  },
  needs_ffmpeg: {
    title: 'Запись читается только с ffmpeg',
    mend: 'Установите ffmpeg там, где работают обработчики (или укажите его в CALLSIFT_FFMPEG), и повторите.',
  },
  too_long: { title: 'Запись слишком длинная', mend: 'Разрежьте её и отправьте нужную часть.' },
  too_expensive: {
    title: 'Чтение записи требует слишком много работы',
    mend: 'Преобразуйте её в MP3 или WAV, 8–16 кГц, и прикрепите заново.',
  },
  corrupt_audio: {
    title: 'Запись повреждена',
    mend: 'Прослушайте её на портале; если играет, сохраните как MP3 и прикрепите заново.',
  },
  unsupported_format: {
    title: 'Такие записи не читаются',
    mend: 'Настройте телефонию на MP3 или WAV либо преобразуйте файл и прикрепите заново.',
  },
  cap_reached: {
    title: 'Достигнут предел расходов портала',
    mend: 'Поднимите предел (callsift portal set <id> capDailyMinutes=…), и всё сразу продолжится; иначе — с новым днём или месяцем.',
  },
  lead_fields_missing: {
    title: 'У лидов портала нет полей для оценки',
    mend: 'Создайте их: `callsift portal fields <id>`. Потом запустите оценку снова.',
  },
  verdict_fields_missing: {
    title: 'На портале нет полей для оценки',
    mend: 'Создайте их: `callsift portal fields <id> --of deals` (или leads) и повторите звонок; или отключите их: `callsift portal set <id> verdictFields=`.',
  },
  rubric_missing: {
    title: 'Рубрики больше нет',
    mend: 'Верните её в папку из CALLSIFT_RUBRICS, перезапустите программу и повторите.',
  },
  paused: { title: 'Человек остановил пакет', mend: 'Продолжить: `callsift batch resume <id>`.' },
  disk_full: {
    title: 'На диске обработчика нет места',
    mend: `Освободите место на диске с CALLSIFT_DATA. ${goesOn}`,
  },
  truncated_audio: {
    title: 'Запись обрывается раньше конца',
    mend: 'Имеющееся расшифровано и оценено. Прослушайте конец на портале, прежде чем доверять вердикту.',
  },
  portal_transcript: {
    title: 'Расшифровку сделал сам портал',
    mend: 'Делать ничего не нужно. Чтобы расшифровать заново: `callsift portal set <id> portalTranscript=`, затем `callsift call rerun <call> --from planAudio`.',
  },
  overlong_transcript: {
    title: 'Модель речи написала больше, чем можно сказать за это время',
    mend: 'Лишнее отброшено. Прослушайте запись, прежде чем доверять вердикту; другая модель может справиться лучше.',
  },
  awaiting_turn: { title: 'Сначала отвечают на прежнее сообщение диалога', mend: 'Ничего делать не нужно.' },
  message_in_doubt: {
    title: 'Неизвестно, ушло ли сообщение в чат',
    mend: 'Посмотрите в чат. Бот типа personal смотрит сам.',
  },
  batch_incomplete: { title: 'Часть запросов пакета не удаётся', mend: selfHealing },
  report_too_large: { title: 'В отчёте слишком много строк', mend: 'Запросите период короче.' },
  exhausted: { title: 'Все попытки исчерпаны', mend: 'Повторите, когда сервис снова заработает.' },
  bug: { title: 'Ошибка в Callsift', mend: 'Сообщите о ней вместе с показанным стеком.' },
  no_entity: {
    title: 'Звонок не связан ни с чем в CRM',
    mend: 'Назначьте сделку, лид, контакт или компанию: запись ляжет туда, оценка сохранена.',
  },
  recording_not_ready: {
    title: 'Портал ещё не прикрепил запись',
    mend: 'Ничего делать не нужно: телефония прикрепляет записи с опозданием.',
  },
  write_in_doubt: {
    title: 'Неизвестно, легла ли запись в CRM',
    mend: 'Ничего делать не нужно: сначала проверяется лента, потом пишется.',
  },
  poison: { title: 'Обработчик падал на этом шаге', mend: 'Повторите; если повторится, сообщите о звонке.' },
  no_speech: { title: 'В записи нет речи', mend: 'Ничего делать не нужно: оценивать нечего.' },
  no_recording: {
    title: 'Записи так и не появилось',
    mend: 'Проверьте, включена ли запись звонков; сверка откроет звонок снова.',
  },
  merged: { title: 'Тот же звонок, что и другой', mend: 'Ничего делать не нужно.' },
  not_audio: { title: 'Это не аудиозапись', mend: 'Проверьте файл на портале.' },
  empty_audio: { title: 'Запись пуста', mend: 'Проверьте, что телефония хранит записи.' },
  too_short: { title: 'Запись слишком коротка для оценки', mend: 'Ничего делать не нужно.' },
  transcript_only: { title: 'Просили только расшифровку', mend: 'Ничего делать не нужно.' },
  cancelled: { title: 'Отменено человеком', mend: 'Ничего делать не нужно.' },
  portal_removed: { title: 'Портал удалён', mend: 'Добавьте его снова и повторите.' },
  portal_unavailable: { title: 'Портал недоступен', mend: selfHealing },
}
