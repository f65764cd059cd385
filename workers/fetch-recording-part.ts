import { fetchPart } from '../src/audio/fetch.ts'
import { Later } from '../src/errors.ts'
import { failureOf } from '../src/vibecode/failure-error.ts'
import { isDownloadRouteMissing } from '../src/vibecode/files.ts'
import { type ByteRange, type FilePart, readPart } from '../src/wire/byte-range.ts'
import type { Recording } from './call-input.ts'
import { allowedHostsOf, type FetchContext } from './fetch-recording.ts'

/**
 * Some bytes of a recording, from where it lies and guarded as a fetch of the whole. They are read here as fast as they come: the portal's
 * slot is not held for as long as somebody listens. Uploads lie in our own record and are taken whole.
 */
export async function fetchRecordingPart(
  context: Omit<FetchContext, 'tempDir'>,
  recording: Recording,
  range: ByteRange,
): Promise<FilePart> {
  switch (recording.kind) {
    case 'upload':
      return { kind: 'whole' }
    case 'url':
      return await fromLink(context, recording.url, range)
    case 'file':
      return await fromFile(context, recording.fileId, range)
  }
}

async function fromFile(context: Omit<FetchContext, 'tempDir'>, fileId: number, range: ByteRange): Promise<FilePart> {
  try {
    return await readPart(await context.vibecode.files.openRange(fileId, range), range)
  } catch (error) {
    if (failureOf(error)?.httpStatus === 416) return { kind: 'beyond', size: null }
    if (!isDownloadRouteMissing(error)) throw error
  }
  const { downloadUrl } = await context.vibecode.files.get(fileId)
  if (downloadUrl === null)
    throw new Later(60_000, 'recording_not_ready', { message: `The portal names no address for file ${fileId} yet.` })
  return await fromLink(context, downloadUrl, range)
}

async function fromLink(context: Omit<FetchContext, 'tempDir'>, url: string, range: ByteRange): Promise<FilePart> {
  const { config, signal } = context
  const request = {
    url,
    allowedHosts: allowedHostsOf(context),
    userAgent: 'callsift',
    maxBytes: range.to - range.from + 1,
    totalMs: config.timings.requestDeadlineMs,
    minBytesPerSecond: 8_000,
    signal,
  }
  return await context.withBytesSlot(() => fetchPart(request, range, (answer) => readPart(answer, range)))
}
