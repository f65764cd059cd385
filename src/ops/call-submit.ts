import { z } from 'zod'
import type { App } from '../context.ts'
import { setHearing } from '../db/hearing.ts'
import { findPortal, listPortals, type Portal } from '../db/portals.ts'
import { findUpload, removeUpload } from '../db/uploads.ts'
import type { IncomingCall } from '../intake/incoming-call.ts'
import { defineOperation, OperationError, RowId } from './operation.ts'

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be plain text')

const recordingUrl = text(2_048).refine((value) => {
  const url = URL.canParse(value) ? new URL(value) : null
  return url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === ''
}, 'must be an http or https address without a user name')

/** 1 lead, 2 deal, 3 contact, 4 company, as in Bitrix24. */
export const EntityInput = {
  entityTypeId: z.coerce.number().int().min(1).max(4).optional(),
  entityId: z.coerce
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a record id (digits)')
    .optional(),
}

/** Also as a form's text. */
const yes = z.union([
  z.boolean(),
  z.enum(['true', 'false', '1', '0']).transform((word) => word === 'true' || word === '1'),
])

export const SubmitInput = z
  .strictObject({
    portalId: z.string().min(1).optional(),
    callId: text(255).optional(),
    activityId: z.coerce
      .string()
      .regex(/^[1-9]\d{0,14}$/, 'must be digits')
      .optional(),
    uploadId: RowId.optional(),
    recordingUrl: recordingUrl.optional(),
    ...EntityInput,
    dryRun: yes.optional(),
    /** Of a file: ends with the transcript. */
    transcriptOnly: yes.optional(),
    /** Of a transcript alone: the language spoken in it, and whether two voices are told apart. */
    language: z
      .string()
      .regex(/^([a-z]{2}|auto)$/, 'must be two letters (ISO 639) or auto')
      .optional(),
    stereo: z.enum(['split', 'mix']).optional(),
    idempotencyKey: text(255).optional(),
  })
  .refine(
    (input) => [input.callId, input.activityId, input.uploadId, input.recordingUrl].some((one) => one !== undefined),
    {
      message: 'one of callId, activityId, recordingUrl or a file is needed',
    },
  )
  .refine((input) => input.uploadId === undefined || input.recordingUrl === undefined, {
    message: 'a file and a recordingUrl can not both be given',
  })
  .refine((input) => input.transcriptOnly !== true || input.uploadId !== undefined, {
    message: 'a transcript alone is made of a file',
  })
  .refine((input) => input.transcriptOnly === true || (input.language === undefined && input.stereo === undefined), {
    message: 'language and stereo belong to a transcript alone; calls are heard as their portal says',
  })
  .refine((input) => (input.entityTypeId === undefined) === (input.entityId === undefined), {
    message: 'entityTypeId and entityId belong together',
  })
export type SubmitInput = z.output<typeof SubmitInput>

/** The portal named, or the only one there is. */
export async function choosePortal(app: App, portalId: string | undefined): Promise<Portal> {
  if (portalId !== undefined) {
    const portal = await findPortal(app.db, portalId)
    if (portal !== null) return portal
    throw new OperationError(
      'unknown_portal',
      404,
      `There is no portal ${portalId}.`,
      'List them with `callsift portal list`, or add it.',
    )
  }
  const [only, ...others] = await listPortals(app.db)
  if (only === undefined) {
    throw new OperationError('no_portal', 409, 'No portal has been added yet.', 'Add one with `callsift portal add`.')
  }
  if (others.length > 0) {
    throw new OperationError(
      'invalid_input',
      400,
      'There are several portals, and none was named.',
      'Name one as portalId.',
    )
  }
  return only
}

export interface Submitted {
  readonly callId: string
  readonly runId: string
  readonly outcome: 'accepted' | 'duplicate'
}

/** Takes a call in through the same door as the webhook does. */
export async function submitCall(app: App, input: SubmitInput): Promise<Submitted> {
  const portal = await choosePortal(app, input.portalId)
  const upload = input.uploadId === undefined ? null : await findUpload(app.db, input.uploadId)
  if (input.uploadId !== undefined && upload?.portalId !== portal.id) {
    throw new OperationError(
      'unknown_upload',
      404,
      `There is no upload ${input.uploadId} of portal ${portal.id}.`,
      'Send the file again.',
    )
  }
  const { callId, entityTypeId, entityId } = input
  const hearing = { language: input.language, stereo: input.stereo }
  const heardOtherwise = upload !== null && (hearing.language !== undefined || hearing.stereo !== undefined)
  if (heardOtherwise) await setHearing(app.db, upload.id, hearing)
  const call: IncomingCall = {
    portalId: portal.id,
    source: 'api',
    ...(callId === undefined ? {} : { callRef: callId }),
    ...(input.activityId === undefined ? {} : { activityId: input.activityId }),
    ...(input.idempotencyKey !== undefined ? { idempotencyKey: input.idempotencyKey } : {}),
    // Heard in another way it is another transcript; in the same way it is paid for once.
    ...(heardOtherwise && input.idempotencyKey === undefined
      ? { idempotencyKey: `transcript ${upload.sha256} ${hearing.language ?? ''} ${hearing.stereo ?? ''}` }
      : {}),
    ...(upload === null ? {} : { uploadId: upload.id, audioSha256: upload.sha256 }),
    ...(input.recordingUrl === undefined ? {} : { recordingUrl: input.recordingUrl }),
    ...(entityTypeId === undefined ? {} : { entityTypeId }),
    ...(entityId === undefined ? {} : { entityId }),
    ...(input.dryRun === undefined ? {} : { dryRun: input.dryRun }),
    ...(input.transcriptOnly === undefined ? {} : { transcriptOnly: input.transcriptOnly }),
    // The address itself may hold a secret: only its host is kept for the page.
    masked: {
      callId,
      activityId: input.activityId,
      recordingHost: input.recordingUrl === undefined ? undefined : new URL(input.recordingUrl).host,
      upload: upload === null ? undefined : { sha256: upload.sha256, bytes: upload.bytes },
      entity: entityTypeId === undefined ? undefined : `${entityTypeId}:${entityId}`,
      dryRun: input.dryRun,
    },
  }
  const accepted = await app.intake.accept(call)
  if (accepted.outcome === 'erased') {
    if (upload !== null) await removeUpload(app.db, upload.id)
    throw new OperationError(
      'erased',
      409,
      "This call was erased on somebody's request and is not taken in again.",
      'Nothing was stored. If it is another call, submit it under a name of its own.',
    )
  }
  app.engine.kick()
  return { callId: accepted.callId, runId: accepted.runId, outcome: accepted.outcome }
}

export const callSubmit = defineOperation({
  name: 'call.submit',
  summary: 'Takes in a call by its CALL_ID, activity, uploaded file or recording address.',
  input: SubmitInput,
  audit: (input) => ({
    subject: `call ${input.callId ?? input.activityId ?? input.uploadId ?? 'by address'}`,
    detail: { portalId: input.portalId, dryRun: input.dryRun },
  }),
  run: submitCall,
})
