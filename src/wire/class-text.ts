/** What a class of failure is called before a person, and what mends it. */
export interface ClassText {
  readonly title: string
  readonly mend: string
}

const goesOn = 'Everything that waited goes on by itself.'
const newKey = `Put a valid key into VIBECODE_API_KEY and restart, then run \`callsift doctor\`. ${goesOn}`
const selfHealing = 'Nothing to do: it is tried again by itself.'
const report = 'If it persists, send VibeCode a ticket with the request id.'

/** Classes the pages, `status` and `doctor` may meet; anything else is shown by its own words. */
export const classTexts: Readonly<Record<string, ClassText>> = {
  rate_limited: {
    title: 'VibeCode asked to wait (rate limit)',
    mend: 'Nothing to do: no request is sent until the limit resets.',
  },
  error_loop: {
    title: 'VibeCode paused the key after repeated failures',
    mend: `${selfHealing} Look for the failure that was repeated before it.`,
  },
  operation_time_limit: { title: 'The portal used up its processing time', mend: selfHealing },
  queue_timeout: { title: 'The portal was busy and did not take the request', mend: selfHealing },
  portal_limit: { title: 'The portal limits its requests', mend: selfHealing },
  portal_overload: {
    title: 'Bitrix24 blocks the portal for overload',
    mend: 'Ask Bitrix24 support if it lasts for hours; it is tried again by itself.',
  },
  missing_api_key: { title: 'No API key reached VibeCode', mend: newKey },
  invalid_api_key: { title: 'VibeCode refused the API key', mend: newKey },
  invalid_app_key: { title: 'VibeCode refused the application key', mend: newKey },
  key_revoked: { title: 'The API key was revoked', mend: newKey },
  key_expired: { title: 'The API key has expired', mend: newKey },
  token_missing: {
    title: 'VibeCode wants a session token with this key',
    mend: 'Use a personal key (vibe_api_…) in VIBECODE_API_KEY.',
  },
  token_expired: { title: 'The portal session of the key has expired', mend: newKey },
  token_refresh_failed: {
    title: 'VibeCode lost its connection to the portal',
    mend: `Connect the portal again in VibeCode. ${goesOn}`,
  },
  wrong_key_type: {
    title: 'The key is of the wrong kind',
    mend: 'Use a personal key (vibe_api_…): management keys see no CRM data.',
  },
  auth_required: { title: 'VibeCode asks for a key', mend: newKey },
  unauthorized: { title: 'VibeCode refused the API key', mend: newKey },
  insufficient_balance: {
    title: 'The balance is empty',
    mend: `Top up the Vibe balance, or choose a free model. ${goesOn}`,
  },
  ai_credentials_not_configured: {
    title: 'The model has no provider key',
    mend: `Connect a provider key in VibeCode, or choose a bitrix/ model. ${goesOn}`,
  },
  billing_exhausted: {
    title: 'The budget of the account is used up',
    mend: `Top up the account in VibeCode. ${goesOn}`,
  },
  account_frozen: { title: 'The VibeCode account is frozen', mend: `Ask VibeCode to unfreeze it. ${goesOn}` },
  commercial_plan_required: {
    title: 'The portal has no commercial plan',
    mend: `CRM requests need a paid Bitrix24 plan. ${goesOn}`,
  },
  trial_ended: { title: 'The trial has ended', mend: `Choose a plan in VibeCode. ${goesOn}` },
  payment_required: {
    title: 'VibeCode asks for payment',
    mend: `Check the balance and the plan in VibeCode. ${goesOn}`,
  },
  scope_missing: {
    title: 'The API key lacks a scope',
    mend: `Give the key the scopes vibe:ai, crm, disk, telephony and user; for bots also imbot, for notifications im. ${goesOn}`,
  },
  ip_not_allowed: {
    title: 'The key may not be used from this address',
    mend: `Add this server's public address to the key's allow list. ${goesOn}`,
  },
  access_denied: {
    title: 'No right to this record',
    mend: "Give the key's owner the right to this CRM record, then retry the call.",
  },
  cross_app_delete_forbidden: {
    title: 'Timeline entries of another application stay',
    mend: 'Entries written with a personal key cannot be deleted.',
  },
  write_blocked_readonly_key: {
    title: 'The key may only read',
    mend: 'Switch the key to read and write, then retry the call.',
  },
  oauth_required: { title: 'The route wants an application key', mend: 'The route is closed to personal keys.' },
  waitlist_pending: { title: 'The account still waits for admission', mend: 'Ask VibeCode for access, then retry.' },
  management_key_no_entity_access: {
    title: 'A management key sees no CRM data',
    mend: 'Use a personal key (vibe_api_…).',
  },
  not_found: {
    title: 'The record does not exist',
    mend: 'It may have been deleted: assign another record, then retry the call.',
  },
  ai_model_not_found: {
    title: 'VibeCode does not know the model',
    mend: 'Choose a model from `GET /v1/models`, then retry.',
  },
  provider_not_found: { title: 'VibeCode does not know the provider', mend: 'Check the model name, then retry.' },
  no_default_model: { title: 'No model was named', mend: 'Set the model in the configuration.' },
  invalid_image_payload: {
    title: 'VibeCode refused an image',
    mend: 'Check what was sent; repeating it changes nothing.',
  },
  invalid_language: {
    title: 'VibeCode does not know the language',
    mend: 'Set a two-letter ISO 639 code, such as ru or en.',
  },
  no_file: { title: 'The recording did not arrive', mend: 'Retry the call from its beginning.' },
  empty_file: { title: 'The recording is empty', mend: 'Check the recording in Bitrix24, then retry the call.' },
  base_url_invalid: { title: 'The provider address is not http or https', mend: 'Correct the address.' },
  base_url_private: { title: 'The provider address is a private one', mend: 'Use a public address.' },
  not_custom_provider: { title: 'Models can be added to custom providers only', mend: 'Use a custom provider.' },
  invalid_request: {
    title: 'VibeCode refused the request as wrong',
    mend: 'Repeating it changes nothing: look at its message.',
  },
  method_not_allowed: { title: 'VibeCode has no such route', mend: 'Update Callsift: the API may have changed.' },
  conflict: { title: 'It exists already', mend: 'Look at the existing record.' },
  too_large: { title: 'The request is too large', mend: 'Use shorter parts.' },
  bitrix_error: {
    title: 'The portal refused the request',
    mend: 'Look at its message, mend it in Bitrix24, then retry the call.',
  },
  credential_invalid: { title: 'The provider refused its key', mend: 'Put in a valid provider key.' },
  unprocessable: {
    title: 'VibeCode could not process the request',
    mend: 'Repeating it changes nothing: look at its message.',
  },
  client_error: { title: 'VibeCode refused the request', mend: 'Repeating it changes nothing: look at its message.' },
  internal_error: { title: 'VibeCode failed inside', mend: report },
  server_error: { title: 'VibeCode failed inside', mend: report },
  bitrix_unavailable: { title: 'The portal did not answer VibeCode', mend: selfHealing },
  ai_provider_unavailable: { title: 'The AI provider failed', mend: selfHealing },
  bad_gateway: { title: 'VibeCode could not be reached behind its gateway', mend: selfHealing },
  model_unavailable: { title: 'The model is switched off', mend: 'Choose another model, then retry.' },
  service_unavailable: { title: 'VibeCode is not available', mend: selfHealing },
  ai_provider_timeout: {
    title: 'The AI provider took too long',
    mend: `${selfHealing} Long recordings do better in shorter parts.`,
  },
  gateway_timeout: { title: 'VibeCode took too long', mend: selfHealing },
  network: {
    title: 'VibeCode could not be reached',
    mend: 'Check the network and VIBECODE_BASE_URL; it is tried again by itself.',
  },
  timeout: { title: 'VibeCode did not answer in time', mend: selfHealing },
  aborted: { title: 'The request was broken off here', mend: selfHealing },
  permit_lapsed: { title: 'The right to send lapsed before sending', mend: selfHealing },
  bad_upstream: {
    title: 'VibeCode answered with something unreadable',
    mend: `Check that VIBECODE_BASE_URL is the API's address. ${report}`,
  },
  bad_model_output: {
    title: "The model's answer broke the rules twice",
    mend: 'Retry with another model, or judge the call by hand.',
  },
  truncated_completion: {
    title: "The model's answer was cut off twice",
    mend: 'Raise the token limit, or use another model.',
  },
  empty_completion: { title: 'The model answered with nothing twice', mend: 'Retry, or use another model.' },
  refused: {
    title: 'The model refused to answer',
    mend: 'Look at the transcript: judge the call by hand, or use another model.',
  },
  disk_full: {
    title: 'The disk for temporary recordings is full',
    mend: 'Make room on the disk that holds CALLSIFT_DATA. Everything that waited goes on by itself.',
  },
  truncated_audio: {
    title: 'The recording breaks off before its end',
    mend: 'What is there was transcribed and judged. Listen to its end in the portal before trusting the verdict.',
  },
  portal_transcript: {
    title: "The transcript is the portal's own",
    mend: 'Nothing to do. To have it heard anew: `callsift portal set <id> portalTranscript=`, then `callsift call rerun <call> --from planAudio`.',
  },
  overlong_transcript: {
    title: 'The speech model wrote more than anybody can have said in the time',
    mend: 'The rest was left out. Listen to the recording before trusting the verdict; another speech model may do better.',
  },
  needs_ffmpeg: {
    title: 'The recording can be read only with ffmpeg',
    mend: 'Install ffmpeg where the workers run (or name it in CALLSIFT_FFMPEG), then retry.',
  },
  too_long: {
    title: 'The recording is too long',
    mend: 'Cut it, and submit the part that matters.',
  },
  too_expensive: {
    title: 'The recording takes too much work to read',
    mend: 'Convert it to MP3 or WAV at 8 to 16 kHz and attach it again.',
  },
  corrupt_audio: {
    title: 'The recording is damaged',
    mend: 'Listen to it in the portal; if it plays there, export it as MP3 and attach it again.',
  },
  unsupported_format: {
    title: 'The recording is of a kind that is not read',
    mend: 'Set the telephony to store MP3 or WAV, or convert the file and attach it again.',
  },
  cap_reached: {
    title: "The portal's own spending cap is reached",
    mend: 'Raise the cap (`callsift portal set <id> capDailyMinutes=…`): everything goes on at once. Else it goes on when the day or month turns.',
  },
  lead_fields_missing: {
    title: 'Leads of the portal lack the fields for a score',
    mend: 'Create them: `callsift portal fields <id>`. Then start the scoring again.',
  },
  verdict_fields_missing: {
    title: 'The portal lacks the fields for the verdict',
    mend: 'Create them: `callsift portal fields <id> --of deals` (or leads), then retry the call; or switch them off: `callsift portal set <id> verdictFields=`.',
  },
  rubric_missing: {
    title: 'The rubric is not there any more',
    mend: 'Put it back into the folder that CALLSIFT_RUBRICS names and restart, then retry.',
  },
  awaiting_turn: { title: 'An earlier message of the dialogue is answered first', mend: 'Nothing to do.' },
  message_in_doubt: {
    title: 'Nobody knows whether a chat message was sent',
    mend: 'Look into the chat. A bot of the type `personal` looks by itself.',
  },
  batch_incomplete: { title: 'Some calls of a batch kept failing', mend: selfHealing },
  report_too_large: { title: 'The report has too many rows', mend: 'Ask for a shorter period.' },
  paused: { title: 'A person lets the batch rest', mend: 'To go on: `callsift batch resume <id>`.' },
  exhausted: { title: 'All attempts were used up', mend: 'Retry when the upstream works again.' },
  bug: { title: 'A fault in Callsift', mend: 'Report it with the stack shown.' },
}

/** Title and mend of a class; an unknown one is told by its own words. */
export function describeClass(failureClass: string): ClassText {
  const text = Object.hasOwn(classTexts, failureClass) ? classTexts[failureClass] : undefined
  if (text !== undefined) return text
  const words = failureClass.replaceAll('_', ' ').trim()
  return {
    title: words === '' ? 'Failed' : `${words[0]?.toUpperCase()}${words.slice(1)}`,
    mend: 'Look at the attempts, then retry.',
  }
}
