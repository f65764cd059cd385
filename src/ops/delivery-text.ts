/** Why a delivery was ignored or refused, for a person, and what to do if it should not have been. `ID` stands for the portal. */
const texts: Readonly<Record<string, { sentence: string; mend: string }>> = {
  wrong_token: {
    sentence: 'The member id is known, but the application token is not this portal’s.',
    mend: 'Copy the token from the outgoing webhook in Bitrix24 and give it: callsift portal add (the old one stays good). If nobody of yours sent it, somebody is guessing.',
  },
  unknown_member: {
    sentence: 'The event names a portal (member id) that has not been added.',
    mend: 'Add it: callsift portal add. If the portal is not yours, block the sender’s address, shown with --json.',
  },
  wrong_robot_secret: {
    sentence: 'The address of the robot carries a secret that no portal has.',
    mend: 'Make a new address (callsift portal add with --robot) and put it into the robot.',
  },
  // Kept by releases that did not tell the two apart.
  unknown_sender: {
    sentence: 'Token and member id belong to no portal here.',
    mend: 'Compare both with the outgoing webhook in Bitrix24, then: callsift portal add',
  },
  invalid_event: {
    sentence: 'The event has not the shape that Bitrix24 sends.',
    mend: 'See what is wrong with --json. Was it made by hand? Use the outgoing webhook of Bitrix24 as it is.',
  },
  invalid_robot: {
    sentence: 'The robot’s address names no call, or names the record wrongly.',
    mend: 'Add callId=… or activityId=… to the address in the robot; entity= goes together with id=.',
  },
  event_not_used: {
    sentence: 'Nothing is done with this event.',
    mend: 'Nothing to do; to have it sent no more, leave only ONVOXIMPLANTCALLEND (and activity events) in the outgoing webhook.',
  },
  unknown_activity: {
    sentence: 'The CRM activity belongs to no call that is known.',
    mend: 'Nothing to do: most activities are no calls. A call that is missing is found by: callsift reconcile',
  },
  erased: {
    sentence: 'The call was erased on somebody’s request, and is not taken in again.',
    mend: 'Nothing to do: that is what erasing means.',
  },
  stale: {
    sentence: 'The event is older than three days.',
    mend: 'Calls of the past are taken in by: callsift backfill --since DATE',
  },
  no_conversation: {
    sentence: 'Nobody spoke: the call was missed, refused or 0 seconds long.',
    mend: 'Nothing to do: there is no recording.',
  },
  information_call: { sentence: 'A robot spoke (an information call).', mend: 'Nothing to do.' },
  too_short: {
    sentence: 'The call is shorter than the least length.',
    mend: 'To have such calls judged: callsift portal set ID minSeconds=NUMBER',
  },
  direction: {
    sentence: 'The portal’s setting leaves this direction out.',
    mend: 'To have such calls judged: callsift portal set ID directions=in,out',
  },
  user: {
    sentence: 'The portal’s setting leaves this user out.',
    mend: 'To have such calls judged add the user, or take the setting back: callsift portal set ID users=',
  },
  line: {
    sentence: 'The portal’s setting leaves this line out.',
    mend: 'To have such calls judged add the line, or take the setting back: callsift portal set ID lines=',
  },
}

/** Sentence and mend of a reason; nulls for what was taken in. */
export function describeReason(
  reason: string | null,
  portalId: string | null,
): { sentence: string | null; mend: string | null } {
  if (reason === null) return { sentence: null, mend: null }
  const text = Object.hasOwn(texts, reason) ? texts[reason] : undefined
  if (text === undefined) return { sentence: reason.replaceAll('_', ' '), mend: 'See what it said with --json.' }
  return { sentence: text.sentence, mend: text.mend.replace(' ID ', ` ${portalId ?? 'ID'} `) }
}
