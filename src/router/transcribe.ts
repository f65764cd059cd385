import { withTempDir } from '../audio/temp.ts'
import type { Exchange, Kit } from './exchange.ts'
import { bytesPerSecond, type HeardBy, hear } from './hear.ts'
import { hearParts } from './hear-parts.ts'
import { measureRecording } from './measure-recording.ts'
import type { Used } from './meter.ts'
import { planRecording } from './plan-recording.ts'
import { readSpeechFields } from './speech-fields.ts'
import { writeHeard } from './speech-text.ts'
import { spoolForm } from './spool.ts'

/** `POST /v1/audio/transcriptions`: one recording to text, in any of five formats. */
export async function transcribe(kit: Kit, exchange: Exchange): Promise<void> {
  await withTempDir(kit.tempRoot, async (folder) => {
    const { fields: given, ...file } = await spoolForm(exchange.request, folder, kit.maxAudioBytes)
    const fields = readSpeechFields(given)
    const { signal } = exchange
    const tenant = await kit.tenants.read(exchange.key.tenant)
    const { targets, headers } = kit.models.resolve(tenant, fields.model, 'transcription')
    const [first] = targets
    if (first === undefined) throw new Error('a model without a target was resolved')
    const planned = await planRecording(file, kit.settings.cut, signal)
    // Counted beforehand only where it costs something: a budget must know, and a free model need not wait for it.
    const measure = planned === null && first.price.minuteMicros > 0
    const mostS =
      planned?.plan.heardSeconds ??
      (measure ? await measureRecording(file.path, signal) : null) ??
      file.bytes / bytesPerSecond
    const hold = await kit.meter.hold(exchange.key, first.price, {
      promptTokens: 0,
      completionTokens: 0,
      audioMs: Math.round(mostS * 1000),
    })
    const used: Used[] = []
    const count = ({ target }: HeardBy, seconds: number) => addUse(used, target, seconds)
    try {
      const hearing = { kit, targets, file, fields, signal }
      let heard: HeardBy['heard']
      if (planned === null) {
        const told = await hear(hearing)
        heard = told.heard
        count(told, heard.durationS)
      } else {
        heard = await hearParts(hearing, planned, {
          folder: await folder(),
          atOnce: kit.settings.cut?.atOnce ?? 1,
          onHeard: (part) => count(part, part.seconds),
        })
      }
      const { body, json } = writeHeard(heard, fields.format)
      exchange.response.writeHead(200, {
        ...headers,
        'content-type': json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
        'content-length': Buffer.byteLength(body),
      })
      exchange.response.end(body)
    } finally {
      hold.settle(used)
    }
  })
}

/** Parts that one provider heard are one use of it: a client sent one request. */
function addUse(used: Used[], target: HeardBy['target'], seconds: number): void {
  const audioMs = Math.round(seconds * 1000)
  const at = used.findIndex((one) => one.source === target.source && one.model === target.modelId)
  const known = used[at]
  if (known !== undefined) used[at] = { ...known, audioMs: known.audioMs + audioMs }
  else {
    const { source, modelId: model, price } = target
    used.push({ source, model, price, promptTokens: 0, completionTokens: 0, audioMs, estimated: false })
  }
}
