import { type ClassText, classTexts, describeClass } from '../../../wire/class-text.ts'
import { classTextsRu } from './class-text-ru.ts'
import type { Language } from './language.ts'

const again = 'Nothing to do: it is tried again by itself.'

/** Classes of ours that `classTexts` leaves to the step's own words. */
const own: Readonly<Record<string, ClassText>> = {
  no_entity: {
    title: 'The call belongs to nothing in the CRM',
    mend: 'Assign a deal, lead, contact or company: the entry goes there, the verdict is kept.',
  },
  recording_not_ready: {
    title: 'The portal has not attached the recording yet',
    mend: 'Nothing to do: telephony attaches recordings late.',
  },
  write_in_doubt: {
    title: 'It is not known whether the entry was written',
    mend: 'Nothing to do: it is looked up before anything is written again.',
  },
  poison: { title: 'Workers died at this step', mend: 'Retry; if it happens again, report the call.' },
  no_speech: { title: 'The recording holds no speech', mend: 'Nothing to do: there is nothing to judge.' },
  no_recording: {
    title: 'No recording ever came',
    mend: 'Check that call recording is on; reconcile opens the call again.',
  },
  merged: { title: 'The same call as another one', mend: 'Nothing to do.' },
  not_audio: { title: 'The recording is not an audio file', mend: 'Look at the file in the portal.' },
  empty_audio: { title: 'The recording is empty', mend: 'Check that the telephony stores recordings.' },
  too_short: { title: 'The recording is too short to judge', mend: 'Nothing to do.' },
  transcript_only: { title: 'Only a transcript was asked for', mend: 'Nothing to do.' },
  cancelled: { title: 'A person cancelled it', mend: 'Nothing to do.' },
  recording_changed: { title: 'The recording was replaced meanwhile', mend: 'Nothing to do: it is planned anew.' },
  recording_truncated: { title: 'The recording broke off on its way', mend: again },
  recording_host_error: { title: 'The host of the recording has trouble', mend: again },
  recording_host_unreachable: {
    title: 'The host of the recording could not be reached',
    mend: 'Check that it is up and that this machine may reach it, then retry.',
  },
  recording_refused: {
    title: 'The host does not give the recording',
    mend: 'Open the recording in the portal and check that it plays, then retry.',
  },
  recording_tls_invalid: {
    title: 'The certificate of the recording’s host is not valid',
    mend: 'Renew it, or add its authority to NODE_EXTRA_CA_CERTS, then retry.',
  },
  link_expired: { title: 'The link to the recording has expired', mend: 'Nothing to do: a new one is asked for.' },
  blocked_url: {
    title: 'The recording’s address is not one that may be fetched',
    mend: 'Give an https address of the recording itself.',
  },
  blocked_address: {
    title: 'The recording lies in a private network',
    mend: 'If that is meant, name its host in CALLSIFT_ALLOW_HOSTS, then retry.',
  },
  nothing_to_locate: {
    title: 'The call names nothing that a recording could be found by',
    mend: 'Submit it again with its CALL_ID or CRM activity.',
  },
  unknown_entity_type: {
    title: 'The call belongs to a kind of record that takes no entries',
    mend: 'Assign a deal, lead, contact or company.',
  },
  pages_do_not_advance: {
    title: 'The portal gave the same page twice',
    mend: 'Retry; if it happens again, send VibeCode a ticket.',
  },
  portal_busy: { title: 'The portal executes as many requests as it allows', mend: again },
  paced: { title: 'Requests are spaced, so that the key is never refused', mend: again },
  lease_lost: { title: 'Another worker has taken the step over', mend: 'Nothing to do.' },
  record_away: { title: 'The database did not answer', mend: again },
  restarted: { title: 'The program was restarted', mend: again },
  unknown_step: {
    title: 'The step belongs to another release of Callsift',
    mend: 'Start a worker of the release that made it.',
  },
  lead_gone: { title: 'The lead is not in the CRM any more', mend: 'Nothing to do.' },
  answered: { title: 'The bot has answered', mend: 'Nothing to do.' },
  bot_off: { title: 'The bot was off', mend: 'Nothing to do.' },
  complete: { title: 'Nothing is missing in its fields', mend: 'Nothing to do.' },
  dry_run: { title: 'It was only counted or shown', mend: 'Nothing to do.' },
  forgotten: { title: 'The message was forgotten by age', mend: 'Nothing to do.' },
  gone: { title: 'The record is not in the CRM any more', mend: 'Nothing to do.' },
  handed_over: { title: 'A person has the dialogue', mend: 'Nothing to do.' },
  has_transcript: { title: 'The call has a transcript already', mend: 'Nothing to do.' },
  nothing_said: { title: 'Nothing was said there', mend: 'Nothing to do.' },
  observed: { title: 'It was only shown: writing is off', mend: 'Nothing to do.' },
  product_gone: { title: 'The product is not in the catalogue any more', mend: 'Nothing to do.' },
  too_late: { title: 'The message came too late to be answered', mend: 'Nothing to do.' },
  user_limit: { title: 'The person wrote more than the limit allows', mend: 'Nothing to do.' },
  unchanged: { title: 'Nothing changed since the last scoring', mend: 'Nothing to do.' },
  portal_removed: { title: 'Its portal was removed', mend: 'Add it again, then retry.' },
}

/** Title and mend of a class in the reader's language. */
export function classWords({ code }: Language, failureClass: string): ClassText {
  if (code === 'ru' && Object.hasOwn(classTextsRu, failureClass)) {
    const text = classTextsRu[failureClass]
    if (text !== undefined) return text
  }
  if (!Object.hasOwn(classTexts, failureClass) && Object.hasOwn(own, failureClass)) {
    const text = own[failureClass]
    if (text !== undefined) return text
  }
  return describeClass(failureClass)
}
