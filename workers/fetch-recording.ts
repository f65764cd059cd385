import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fetchToFile } from '../src/audio/fetch.ts'
import { type Saved, type SaveLimits, saveStream } from '../src/audio/save-stream.ts'
import { readUpload } from '../src/db/read-upload.ts'
import { Later, Permanent } from '../src/errors.ts'
import { isDownloadRouteMissing } from '../src/vibecode/files.ts'
import type { CallContext } from './call-context.ts'
import type { Recording } from './call-input.ts'

const maxBytes = 200_000_000

/** What of a step's context a fetch needs; whoever plays a recording has the same. */
export type FetchContext = Pick<
  CallContext,
  'config' | 'db' | 'portal' | 'vibecode' | 'signal' | 'tempDir' | 'withBytesSlot'
>

/** Fetches the recording to a file of this attempt's own. Its address is resolved anew each time: links are short-lived secrets. */
export async function fetchRecording(context: FetchContext, recording: Recording): Promise<Saved & { path: string }> {
  const path = join(await context.tempDir(), 'recording')
  const limits: SaveLimits = {
    maxBytes,
    totalMs: context.config.timings.downloadDeadlineMs,
    minBytesPerSecond: 8_000,
    signal: context.signal,
  }
  switch (recording.kind) {
    case 'upload':
      return { path, ...(await saveStream(Readable.from(readUpload(context.db, recording.uploadId)), path, limits)) }
    case 'url':
      return { path, ...(await fetchLink(context, recording.url, path, limits)) }
    case 'file':
      return { path, ...(await fetchFile(context, recording.fileId, path, limits)) }
  }
}

async function fetchFile(context: FetchContext, fileId: number, path: string, limits: SaveLimits): Promise<Saved> {
  try {
    const file = await context.vibecode.files.open(fileId)
    return await saveStream(file.stream, path, limits)
  } catch (error) {
    if (!isDownloadRouteMissing(error)) throw error
  }
  const { downloadUrl } = await context.vibecode.files.get(fileId)
  if (downloadUrl === null) {
    throw new Later(60_000, 'recording_not_ready', { message: `The portal names no address for file ${fileId} yet.` })
  }
  return await fetchLink(context, downloadUrl, path, limits)
}

/** The sandbox stands on this very machine; real portals are public, or named by the operator. */
export function allowedHostsOf({ config, portal }: Pick<FetchContext, 'config' | 'portal'>): readonly string[] {
  return portal.sandbox ? [...config.allowHosts, new URL(portal.baseUrl).host] : config.allowHosts
}

async function fetchLink(context: FetchContext, url: string, path: string, limits: SaveLimits): Promise<Saved> {
  const allowedHosts = allowedHostsOf(context)
  const saved = await context.withBytesSlot(() =>
    fetchToFile({ ...limits, url, target: path, allowedHosts, userAgent: 'callsift' }),
  )
  if (saved.bytes === 0) {
    throw new Permanent('empty_audio', {
      message: 'The recording is empty (0 bytes).',
      hint: 'Check that the telephony stores recordings.',
    })
  }
  return saved
}
