import { type ClassText, classTexts, describeClass } from '../../../wire/class-text.ts'
import { classTextsRu } from './class-text-ru.ts'
import type { Language } from './language.ts'

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
