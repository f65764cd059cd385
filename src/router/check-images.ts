import type { JsonObject } from './read-json.ts'
import { RouterError } from './router-error.ts'

const mostDataBytes = 20 * 1024 * 1024
const picture = /^data:image\/(png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/]*={0,2}$/

/**
 * Pictures are fetched by the provider, which may be a model on our own network: a link into it is refused here, as are types that can
 * carry scripts. Throws `RouterError` invalid_image_payload.
 */
export async function checkImages(
  messages: readonly JsonObject[],
  isPublic: (link: string) => Promise<boolean>,
): Promise<void> {
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue
    for (const part of content as unknown[]) {
      if (typeof part !== 'object' || part === null) {
        throw new RouterError('invalid_request', 'Each part of a content must be an object.', { param: 'messages' })
      }
      if (!('type' in part) || part.type !== 'image_url') continue
      await checkImage('image_url' in part ? part.image_url : undefined, isPublic)
    }
  }
}

async function checkImage(value: unknown, isPublic: (link: string) => Promise<boolean>): Promise<void> {
  const link = typeof value === 'object' && value !== null && 'url' in value ? value.url : undefined
  if (typeof link !== 'string') throw bad('image_url must be an object with the text url.')
  if (link.startsWith('data:')) {
    if (link.length > mostDataBytes * 1.34) throw bad('The picture is larger than 20 MB.')
    if (!picture.test(link)) throw bad('A data URL must hold a PNG, JPEG, GIF or WebP in base64.')
    return
  }
  if (!(await isPublic(link))) throw bad('A picture must be a data URL or stand at a public http or https address.')
}

function bad(message: string): RouterError {
  return new RouterError('invalid_image_payload', message, { param: 'messages' })
}
