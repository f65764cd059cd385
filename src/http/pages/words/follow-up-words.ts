import type { Language } from './language.ts'

const words: Readonly<Record<string, { readonly en: string; readonly ru: string }>> = {
  title: { en: 'Done beside the entry', ru: 'Сделано вместе с записью' },
  fields: { en: 'fields of the lead or deal', ru: 'поля лида или сделки' },
  dialogue: { en: 'dialogue in the call', ru: 'диалог в карточке звонка' },
  bind: { en: 'contact and company', ru: 'контакт и компания' },
  alert: { en: 'message to the manager', ru: 'сообщение ответственному' },
  trigger: { en: 'automation trigger', ru: 'триггер автоматизации' },
  written: { en: 'done', ru: 'сделано' },
  found: { en: 'done, found when it was looked up', ru: 'сделано, найдено при проверке' },
  kept: { en: 'done by an earlier run', ru: 'сделано прежним запуском' },
  unconfirmed: {
    en: 'sent, but the answer was lost; look in the portal, it is not sent twice',
    ru: 'отправлено, но ответ потерян: проверьте на портале, второй раз не отправляется',
  },
  waiting: { en: 'waits', ru: 'ожидает' },
  parked: { en: 'stopped', ru: 'остановлено' },
  not_lead_or_deal: {
    en: 'left out: the call belongs to neither a lead nor a deal',
    ru: 'не сделано: звонок не относится ни к лиду, ни к сделке',
  },
  no_call_id: { en: 'left out: the portal has no such call', ru: 'не сделано: на портале нет такого звонка' },
  has_transcript: {
    en: 'left out: the call has a transcript already',
    ru: 'не сделано: у звонка уже есть расшифровка',
  },
  speakers_unknown: {
    en: 'left out: the recording has one track, so it is not known who speaks',
    ru: 'не сделано: в записи одна дорожка, кто говорит, неизвестно',
  },
  nothing_to_bind: {
    en: 'left out: the record names no contact or company',
    ru: 'не сделано: у записи CRM нет контакта и компании',
  },
  no_manager: {
    en: 'left out: nobody is responsible for the record',
    ru: 'не сделано: у записи CRM нет ответственного',
  },
}

/** What was done beside the entry of a call, what became of it, and why it was left out. */
export function followUpWords({ code }: Language, word: string): string {
  return Object.hasOwn(words, word) ? (words[word]?.[code] ?? word) : word
}
