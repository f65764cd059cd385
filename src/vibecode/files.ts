import type { Readable } from 'node:stream'
import type { ByteRange, RangedAnswer } from '../wire/byte-range.ts'
import { type DiskFile, diskFileResponse } from '../wire/files.ts'
import { headerValues } from '../wire/waits.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

export interface OpenFile {
  /** Must be read to its end or destroyed: the portal's slot is held until then. */
  readonly stream: Readable
  readonly contentType: string | null
  readonly bytes: number | null
  readonly requestId: string | null
}

export interface FilesResource {
  /** Name, size and a short-lived download address, which holds a secret. */
  get(id: number): Promise<DiskFile>
  /** The file's bytes. Where `isDownloadRouteMissing` holds for the error, fetch `get(id)`'s `downloadUrl` instead. */
  open(id: number): Promise<OpenFile>
  /** Some of its bytes, both ends included; `readRange` tells what came. */
  openRange(id: number, range: ByteRange): Promise<RangedAnswer>
}

export function createFiles(requester: Requester, durations: ClientDurations): FilesResource {
  return {
    async get(id) {
      const route = '/v1/files/:id'
      const answer = await requester.json({
        method: 'GET',
        path: `/files/${id}`,
        route,
        plan: { family: 'portal' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      return readShape(diskFileResponse, answer, `GET ${route}`).data
    },
    async open(id) {
      const answer = await requester.open({
        method: 'GET',
        path: `/files/${id}/download`,
        route: '/v1/files/:id/download',
        plan: { family: 'portal', bytes: true },
        repeatable: false,
        deadlineMs: durations.downloadMs,
      })
      const length = headerValues(answer.headers, 'content-length')[0]
      return {
        stream: answer.body,
        contentType: headerValues(answer.headers, 'content-type')[0] ?? null,
        bytes: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null,
        requestId: answer.requestId ?? null,
      }
    },
    async openRange(id, { from, to }) {
      const answer = await requester.open({
        method: 'GET',
        path: `/files/${id}/download`,
        route: '/v1/files/:id/download',
        plan: { family: 'portal', bytes: true },
        repeatable: false,
        range: `bytes=${from}-${to}`,
        deadlineMs: durations.downloadMs,
      })
      return {
        status: answer.status,
        contentRange: headerValues(answer.headers, 'content-range')[0] ?? null,
        body: answer.body,
      }
    },
  }
}

/** The download route is not documented everywhere: 404, 405, 501 or a redirect (never followed with the key) mean "ask for the address". */
export function isDownloadRouteMissing(error: unknown): boolean {
  const status = failureOf(error)?.httpStatus
  return status === 404 || status === 405 || status === 501 || (status !== undefined && status >= 300 && status < 400)
}
