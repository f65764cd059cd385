import { z } from 'zod'
import { faultKinds } from './faults.ts'
import { modelModes } from './model.ts'

/** What the controls take. Unknown names are refused: a misspelt fault that does nothing would make a test pass for nothing. */
export const PortalBody = z.strictObject({
  name: z.string(),
  apiKey: z.string().optional(),
  memberId: z.string().optional(),
  applicationToken: z.string().optional(),
  scopes: z.array(z.string()).optional(),
  balance: z.number().nullable().optional(),
  webhookUrl: z.url().optional(),
})

const SoundFields = {
  recordingId: z.string().optional(),
  toneText: z.string().optional(),
  upload: z.object({ base64: z.string(), fileName: z.string().optional() }).optional(),
  silenceSeconds: z.number().min(0).max(86_400).optional(),
  hearAs: z.string().optional(),
  fileName: z.string().optional(),
  recordingAfterMs: z.number().min(0).nullable().optional(),
}

const CallFields = {
  ...SoundFields,
  direction: z.enum(['in', 'out']).optional(),
  callType: z.number().int().optional(),
  durationSeconds: z.number().optional(),
  phone: z.string().optional(),
  line: z.string().optional(),
  userId: z.number().int().optional(),
  entity: z.enum(['deal', 'lead', 'contact', 'none']).optional(),
  activity: z.boolean().optional(),
  failedCode: z.string().optional(),
  sendEvent: z.boolean().optional(),
  times: z.number().int().min(0).max(1000).optional(),
  deal: z.record(z.string(), z.unknown()).optional(),
  startedAt: z.number().optional(),
}

export const CallBody = z.strictObject({ portal: z.string(), callId: z.string().optional(), ...CallFields })
export const CallsBody = z.strictObject({
  portals: z.array(z.string()),
  count: z.number().int().min(1).max(100_000),
  ...CallFields,
})
export const RecordingBody = z.strictObject({ portal: z.string(), callId: z.string(), ...SoundFields })

export const FaultBody = z.strictObject({
  route: z.string(),
  portal: z.string().optional(),
  kind: z.enum(faultKinds),
  times: z.number().int().optional(),
  every: z.number().int().min(1).optional(),
  skip: z.number().int().optional(),
  probability: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  status: z.number().int().min(200).max(599).optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  retryAfter: z.number().optional(),
  how: z.enum(['status', 'reset', 'lost', 'truncated']).optional(),
  delayMs: z.number().optional(),
  bytesPerSecond: z.number().positive().optional(),
  body: z.string().optional(),
  contentType: z.string().optional(),
  envelope: z.enum(['openai', 'v1']).optional(),
})

export const KeyBody = z.strictObject({
  apiKey: z.string(),
  /** Makes a further key of this portal when the key is new. */
  portal: z.string().optional(),
  state: z.enum(['active', 'inactive', 'revoked', 'expired']).optional(),
  scopes: z.array(z.string()).optional(),
  balance: z.number().nullable().optional(),
  readOnly: z.boolean().optional(),
})

export const ModelBody = z.strictObject({
  mode: z.enum(modelModes).default('honest'),
  portal: z.string().optional(),
  /** So many chat requests; without it the mode stands until the next change. */
  times: z.number().int().min(1).optional(),
  content: z.string().optional(),
  finishReason: z.string().optional(),
})

export const ModelStateBody = z.strictObject({
  id: z.string(),
  status: z.enum(['ACTIVE', 'DEPRECATED', 'DISABLED']),
  replacement: z.string().optional(),
})

export const ForbiddenBody = z.strictObject({
  portal: z.string(),
  /** 1 lead, 2 deal, 3 contact, 4 company, 6 activity. */
  entityTypeId: z.number().int(),
  entityId: z.number().int(),
  forbidden: z.boolean().default(true),
})

export const LimitsBody = z.strictObject({
  perMinute: z.number().positive().optional(),
  perSecond: z.number().positive().optional(),
  portalConcurrent: z.number().int().min(1).optional(),
  queueTimeoutMs: z.number().min(0).optional(),
})

export const EventBody = z.strictObject({
  portal: z.string(),
  kind: z.enum(['callEnd', 'activityAdd', 'activityUpdate', 'robot']),
  /** Of the call; or `dealId` for a robot. */
  callId: z.string().optional(),
  dealId: z.number().int().optional(),
  /** Instead of the portal's webhook; the robot's parameters stand in its query. */
  url: z.url().optional(),
  times: z.number().int().min(1).max(1000).default(1),
})

/** Somebody writes to a bot: the message stands in the chat, and its event waits to be read. */
export const BotMessageBody = z.strictObject({
  portal: z.string(),
  botId: z.number().int(),
  userId: z.number().int(),
  text: z.string(),
  /** A chat of many, such as `chat77`; else the private dialogue with the user. */
  dialogId: z.string().optional(),
  chat: z.record(z.string(), z.unknown()).optional(),
  user: z.record(z.string(), z.unknown()).optional(),
  date: z.string().optional(),
})

export const BotEventBody = z.strictObject({
  portal: z.string(),
  botId: z.number().int(),
  type: z.string(),
  data: z.unknown().optional(),
})
