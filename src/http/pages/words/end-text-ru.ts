import type { ClassText } from '../../../wire/class-text.ts'

/** How runs over leads, products and messages end where there is nothing to do. */
export const endTextsRu: Readonly<Record<string, ClassText>> = {
  answered: { title: 'Бот ответил', mend: 'Ничего делать не нужно.' },
  bot_off: { title: 'Бот был выключен', mend: 'Ничего делать не нужно.' },
  complete: { title: 'Все поля уже заполнены', mend: 'Ничего делать не нужно.' },
  dry_run: { title: 'Только посчитано или показано', mend: 'Ничего делать не нужно.' },
  forgotten: { title: 'Сообщение забыто по сроку хранения', mend: 'Ничего делать не нужно.' },
  gone: { title: 'Записи больше нет в CRM', mend: 'Ничего делать не нужно.' },
  handed_over: { title: 'Диалог ведёт человек', mend: 'Ничего делать не нужно.' },
  has_transcript: { title: 'У звонка уже есть расшифровка', mend: 'Ничего делать не нужно.' },
  nothing_said: { title: 'Там ничего не сказано', mend: 'Ничего делать не нужно.' },
  observed: { title: 'Только показано: запись выключена', mend: 'Ничего делать не нужно.' },
  product_gone: { title: 'Товара больше нет в каталоге', mend: 'Ничего делать не нужно.' },
  too_late: { title: 'Сообщение пришло слишком поздно для ответа', mend: 'Ничего делать не нужно.' },
  user_limit: { title: 'Собеседник написал больше, чем позволяет предел', mend: 'Ничего делать не нужно.' },
}
