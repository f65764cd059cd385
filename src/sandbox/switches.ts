/**
 * One switch for each point on which the service's documents, its clients and its answers differ.
 * The first value is the default. They are kept per portal and changed by `POST /__sandbox/switches`.
 */
const choices = {
  /** Which field names the owner of a timeline entry. `only`: any other gives 400 INVALID_PARAMS. */
  timelineEntity: ['both', 'entityTypeId', 'entityType'],
  /** The code of a 429. */
  rateLimitCode: ['RATE_LIMIT_EXCEEDED', 'RATE_LIMITED'],
  /** Envelope of 401, 403 and 429 on AI routes, which come from the layer all routes share. */
  sharedErrors: ['v1', 'openai'],
  /** Status of ERROR_LOOP_DETECTED. */
  errorLoopStatus: ['429', '502'],
  /** After how many equal failing requests in a row the loop breaker answers; `off` never. */
  errorLoopAfter: ['off', '3', '10', '50'],
  /** Where a list says how many rows there are. */
  total: ['meta', 'top', 'both'],
  /** Names of the time fields of CRM rows. */
  timeFields: ['createdTime', 'createdAt'],
  /** Spelling of an activity's keys. */
  activityKeys: ['mixed', 'camel', 'upper'],
  /** typeId of a call activity: 2 in Bitrix24, 1 by VibeCode's own field page. */
  callTypeId: ['2', '1'],
  /** Which of the two known routes takes a call's transcript. */
  transcriptRoute: ['both', 'callId', 'plain'],
  /** Whether the portal's own call processing may be asked for what it heard. */
  portalTranscripts: ['on', 'off'],
  /** Letter case of error codes, on all routes. */
  codeCase: ['documented', 'upper', 'lower'],
  /** The scope that call routes ask for. */
  callScope: ['telephony', 'call'],
  /** A `get` without entityId in a batch: an error of that call, or of the whole batch. */
  batchMissingId: ['call', 'whole'],
  /** Lists in a batch: as long as asked, cut at 50 and marked `truncated`, or without their totals. */
  batchLists: ['whole', 'truncated', 'untold'],
  /** Whether response_format=verbose_json is taken. */
  verboseJson: ['accepted', 'refused'],
  /** Whether response_format=text answers bare text, or JSON all the same. */
  textFormat: ['text', 'json'],
  /** Whether response_format json_schema is taken. */
  jsonSchema: ['accepted', 'refused'],
  /** `GET /files/:id/download`, or 404 there so that only `downloadUrl` works. */
  fileDownload: ['route', 'urlOnly'],
  /** Whether activities carry FILES. */
  activityFiles: ['shown', 'hidden'],
  /** How the statistics filter spells call ids that it knows; `ignored`: filter[CALL_ID] has no effect. */
  statisticsFilter: ['honoured', 'ignored'],
  /** Whether an answer carries X-RateLimit-* when nothing is wrong. */
  rateHeaders: ['always', 'on429'],
  /** A 429's reset: delta seconds (documented), an epoch, or none. */
  resetForm: ['delta', 'epoch', 'none'],
  /** Which code a revoked key gets. */
  revokedCode: ['INVALID_API_KEY', 'KEY_INACTIVE'],
  /** User fields that nobody declared by POST /userfields/…: stored all the same, or dropped without a word as Bitrix24 does. */
  userFields: ['open', 'declared'],
  /** Under which name a bot's id is answered. */
  botId: ['botId', 'id'],
  /** Whether the server keeps the offset of a poll; `lost`: it answers `persisted: false` with a hint. */
  botOffset: ['stored', 'lost'],
  /** Whose bots may read what stands around a message: personal and supervisor ones, or none. */
  botContext: ['personal', 'none'],
  /** Encoding of the event the robot rule sends. */
  robotBody: ['form', 'json'],
} as const

type SwitchName = keyof typeof choices
export type Switches = { [Name in SwitchName]: (typeof choices)[Name][number] }

const switchNames = Object.keys(choices) as SwitchName[]

export function defaultSwitches(): Switches {
  const values: Record<string, string> = {}
  for (const name of switchNames) values[name] = choices[name][0]
  return values as Switches
}

/** Changes the named switches; answers with the first name or value that does not exist. */
export function setSwitches(switches: Switches, changes: Record<string, unknown>): string | undefined {
  for (const [name, value] of Object.entries(changes)) {
    const allowed: readonly string[] | undefined = Object.hasOwn(choices, name)
      ? choices[name as SwitchName]
      : undefined
    if (!allowed) return `there is no switch "${name}"; there are ${switchNames.join(', ')}`
    if (!allowed.includes(String(value))) return `switch "${name}" takes ${allowed.join(' | ')}, not "${String(value)}"`
  }
  for (const [name, value] of Object.entries(changes)) (switches as Record<string, string>)[name] = String(value)
  return undefined
}

/** All switches with the values each may take. */
export function describeSwitches(): Record<string, readonly string[]> {
  return { ...choices }
}
