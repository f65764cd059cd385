import type { Language } from './language.ts'

const en = {
  drafts: 'Texts to look at',
  draftsHint: 'An approved text goes into the product card once. What stands there now is kept, and can be put back.',
  product: 'Product',
  before: 'In the card now',
  empty: 'nothing',
  text: 'Drafted text',
  edit: 'Edit, then approve',
  approveEdited: 'Approve as edited',
  settled: 'Texts lately',
  undo: 'Put the old text back',
  retry: 'Send again',
  card_changed: 'The card was changed by somebody after this was drafted; the text beside it is the new one.',
  writing_off: 'Writing to this portal was turned off.',
  observed: 'observed',
  approved: 'on its way',
  written: 'in the card',
  undoing: 'on its way back',
  undone: 'put back',
  rejected: 'rejected',
  gone: 'its product is gone',
  waiting: 'waits',
  superseded: 'superseded',
} as const

type DraftWords = Readonly<Record<keyof typeof en, string>>

const ru: DraftWords = {
  drafts: 'Тексты на проверку',
  draftsHint:
    'Одобренный текст один раз записывается в карточку товара. Что стоит там сейчас, сохраняется и может быть возвращено.',
  product: 'Товар',
  before: 'Сейчас в карточке',
  empty: 'ничего',
  text: 'Черновик',
  edit: 'Исправить и одобрить',
  approveEdited: 'Одобрить с правкой',
  settled: 'Недавние тексты',
  undo: 'Вернуть прежний текст',
  retry: 'Отправить снова',
  card_changed: 'После подготовки черновика карточку кто-то изменил; рядом показан уже новый её текст.',
  writing_off: 'Запись в этот портал отключили.',
  observed: 'только показан',
  approved: 'отправляется',
  written: 'в карточке',
  undoing: 'возвращается',
  undone: 'возвращён',
  rejected: 'отклонён',
  gone: 'товара больше нет',
  waiting: 'ждёт',
  superseded: 'заменён новым',
}

export function draftWords({ code }: Language): DraftWords {
  return code === 'ru' ? ru : en
}
