import type { StoredFile } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Switches } from '../switches.ts'
import type { Context, Route, World } from '../world.ts'

const types: Record<string, string> = { mp3: 'audio/mpeg', wav: 'audio/wav', ogg: 'audio/ogg', m4a: 'audio/mp4' }

function visible(world: World, file: StoredFile | undefined): StoredFile | undefined {
  return file && file.availableAt <= world.now() ? file : undefined
}

/** The bytes, whole or the range asked for (one range; several are answered whole, as RFC 9110 allows). */
function bytesReply(file: StoredFile, range: string | undefined): Reply {
  const extension = file.name.split('.').at(-1) ?? ''
  const name = encodeURIComponent(file.name)
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-disposition': `attachment; filename="${name}"; filename*=utf-8''${name}`,
  }
  const contentType = types[extension] ?? 'application/octet-stream'
  const asked = /^bytes=(\d*)-(\d*)$/.exec(range ?? '')
  if (!asked || (asked[1] === '' && asked[2] === '')) return { status: 200, bytes: file.bytes, contentType, headers }
  const size = file.bytes.length
  const start = asked[1] === '' ? Math.max(0, size - Number(asked[2])) : Number(asked[1])
  const end = asked[1] === '' || asked[2] === '' ? size - 1 : Math.min(size - 1, Number(asked[2]))
  if (start >= size || start > end) return { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` } }
  const part = file.bytes.subarray(start, end + 1)
  return {
    status: 206,
    bytes: part,
    contentType,
    headers: { ...headers, 'content-range': `bytes ${start}-${end}/${size}` },
  }
}

const rangeOf = (switches: Switches, range: string | undefined) => (switches.ranges === 'honoured' ? range : undefined)

/** The signed link, which asks for no key; whoever has the link has the recording. */
export function signedDownload(world: World, token: string, range: string | undefined): Reply {
  const opened = world.openSigned(token)
  const file = visible(world, opened?.portal.files.get(opened.fileId))
  if (!opened)
    return { status: 403, json: { error: 'expired_token', error_description: 'The link is no longer valid' } }
  return file
    ? bytesReply(file, rangeOf(opened.portal.switches, range))
    : { status: 404, json: { error: 'ERROR_NOT_FOUND', error_description: 'Could not find entity' } }
}

function withFile(context: Context, use: (file: StoredFile) => Reply): Reply {
  const file = visible(context.world, context.portal.files.get(Number(context.params['id'])))
  return file ? use(file) : fail(404, 'ENTITY_NOT_FOUND', `There is no file ${context.params['id']}`)
}

export const fileRoutes: readonly Route[] = [
  {
    name: 'files.download',
    method: 'GET',
    path: '/files/:id/download',
    family: 'portal',
    scope: 'disk',
    run: (context) =>
      context.portal.switches.fileDownload === 'urlOnly'
        ? fail(404, 'NOT_FOUND', 'Route not found')
        : withFile(context, (file) =>
            bytesReply(file, rangeOf(context.portal.switches, context.request.headers.range)),
          ),
  },
  {
    name: 'files.get',
    method: 'GET',
    path: '/files/:id',
    family: 'portal',
    scope: 'disk',
    run: (context) =>
      withFile(context, (file) =>
        ok({
          id: file.id,
          name: file.name,
          size: file.bytes.length,
          type: 'file',
          downloadUrl: context.world.signFile(context.portal, file.id),
          createdBy: 'SANDBOX',
        }),
      ),
  },
]
