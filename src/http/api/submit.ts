import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { App } from '../../context.ts'
import { readCall } from '../../db/call-facts.ts'
import { claimUpload, findUpload, removeUpload, type StoredUpload } from '../../db/uploads.ts'
import { callSubmit, choosePortal, SubmitInput, type Submitted } from '../../ops/call-submit.ts'
import { badInput, type Caller, OperationError, runOperation } from '../../ops/operation.ts'
import { Problem } from '../problem.ts'
import { readMultipart } from './read-multipart.ts'

/** `POST /api/v1/calls`: JSON, or multipart with a recording. */
export async function submitRoute(
  scope: FastifyInstance,
  options: { app: App; callerOf(request: FastifyRequest): Caller },
): Promise<void> {
  const { app, callerOf } = options
  scope.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null))

  scope.post('/api/v1/calls', async (request, reply) => {
    const key = readKey(request)
    const submitted = request.headers['content-type']?.toLowerCase().startsWith('multipart/form-data')
      ? await submitUpload(app, request, key, callerOf(request))
      : await submitJson(app, request.body, key, callerOf(request))
    return reply.code(202).header('location', `/api/v1/calls/${submitted.callId}`).send(submitted)
  })
}

function readKey(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key
  throw new OperationError(
    'invalid_input',
    400,
    'The Idempotency-Key must be 1 to 255 printable characters.',
    'Use a UUID.',
  )
}

async function submitJson(app: App, body: unknown, key: string | undefined, caller: Caller): Promise<Submitted> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new OperationError(
      'invalid_input',
      400,
      'The body must be a JSON object.',
      'Name callId, activityId or recordingUrl.',
    )
  }
  const input = key === undefined ? body : { ...body, idempotencyKey: key }
  const submitted = (await runOperation(app, callSubmit, input, caller)) as Submitted
  if (key !== undefined && submitted.outcome === 'duplicate') await refuseOtherContent(app, submitted, { body })
  return submitted
}

async function submitUpload(
  app: App,
  request: FastifyRequest,
  key: string | undefined,
  caller: Caller,
): Promise<Submitted> {
  const { fields, upload } = await readMultipart(app, request.raw)
  try {
    const input = {
      ...fields,
      ...(upload === null ? {} : { uploadId: upload.id }),
      ...(key === undefined ? {} : { idempotencyKey: key }),
    }
    const parsed = SubmitInput.safeParse(input)
    if (!parsed.success) throw badInput(callSubmit.name, parsed.error)
    const portal = await choosePortal(app, parsed.data.portalId)
    if (upload !== null) await claimUpload(app.db, upload.id, portal.id)
    const submitted = (await runOperation(app, callSubmit, { ...input, portalId: portal.id }, caller)) as Submitted
    if (submitted.outcome === 'duplicate') {
      if (key !== undefined) await refuseOtherContent(app, submitted, { upload })
      if (upload !== null && (await readCall(app.db, submitted.callId)).upload_id !== upload.id)
        await removeUpload(app.db, upload.id)
    }
    return submitted
  } catch (error) {
    if (upload !== null) await removeUpload(app.db, upload.id).catch(() => undefined)
    throw error
  }
}

/** A key that comes again with something else is a mistake of the sender, and must not pass for the first. */
async function refuseOtherContent(
  app: App,
  submitted: Submitted,
  sent: { body?: unknown; upload?: StoredUpload | null },
): Promise<void> {
  const call = await readCall(app.db, submitted.callId)
  const standing = call.upload_id === null ? null : await findUpload(app.db, call.upload_id)
  const body = (sent.body ?? {}) as { recordingUrl?: unknown }
  const otherFile = sent.upload != null && standing !== null && standing.sha256 !== sent.upload.sha256
  const otherAddress =
    typeof body.recordingUrl === 'string' &&
    call.recording_url !== null &&
    call.recording_url !== body.recordingUrl.trim()
  if (!otherFile && !otherAddress) return
  throw new Problem(
    422,
    'idempotency_key_reused',
    `This Idempotency-Key belongs to call ${submitted.callId}, which has another recording.`,
    'Use a new key for a new recording.',
  )
}
