import { z } from 'zod'
import { envelope, inEitherCase, optionalInteger, optionalText, wireId } from './values.ts'

/** A file on the portal's disk. `downloadUrl` holds a secret and lapses: fetch at once, never store or log it. */
export const diskFile = inEitherCase(
  z.object({ id: wireId, name: optionalText, size: optionalInteger, downloadUrl: optionalText }),
).transform((file) => ({ id: file.id, name: file.name, bytes: file.size, downloadUrl: file.downloadUrl }))
export const diskFileResponse = envelope(diskFile)
export type DiskFile = z.infer<typeof diskFile>
