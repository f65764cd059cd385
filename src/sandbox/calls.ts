import { createHash } from 'node:crypto'
import { callEndForm } from './event.ts'
import type { Activity, Call, Portal, Row, StoredFile } from './portal.ts'
import { stableHex } from './reply.ts'
import { encodeTones } from './tones.ts'
import type { World } from './world.ts'

/** What `POST /__sandbox/calls` takes. Without any sound given, the sandbox's own recordings take turns. */
export interface CallSpec {
  readonly portal: string
  readonly recordingId?: string
  /** Words coded as tones (see tones.ts). */
  readonly toneText?: string
  readonly upload?: { readonly base64: string; readonly fileName?: string | undefined }
  /** So many seconds of digital silence. */
  readonly silenceSeconds?: number
  /** The provider hears this in the file instead of what is in it; for texts that tones cannot carry. */
  readonly hearAs?: string
  readonly direction?: 'in' | 'out'
  /** CALL_TYPE, when it is not 1 (out) or 2 (in). */
  readonly callType?: number
  /** As told by the telephony; by default the sound's own length. */
  readonly durationSeconds?: number
  readonly phone?: string
  readonly line?: string
  readonly userId?: number
  readonly entity?: 'deal' | 'lead' | 'contact' | 'none'
  /** When the recording appears, ms from now; `null` = never. */
  readonly recordingAfterMs?: number | null
  /** `false`: the CRM has no activity for the call. */
  readonly activity?: boolean
  readonly failedCode?: string
  readonly sendEvent?: boolean
  /** How many times the event is delivered. */
  readonly times?: number
  /** Fields of the deal that is made, or `{id}` of one that is there. */
  readonly deal?: Readonly<Record<string, unknown>>
  readonly callId?: string
  /** ms since 1970; by default the call ends now. */
  readonly startedAt?: number
  readonly fileName?: string
}

export interface CreatedCall {
  readonly portal: string
  readonly callId: string
  readonly statisticId: number
  readonly activityId: number | null
  readonly fileId: number | null
  readonly contactId: number | null
  readonly dealId: number | null
  readonly leadId: number | null
  readonly phone: string
  readonly durationSeconds: number
  readonly recordingId: string | null
  /** The urlencoded body of the ONVOXIMPLANTCALLEND event. */
  readonly eventForm: string
}

interface CallSound {
  readonly bytes: Buffer
  readonly name: string
  readonly seconds: number
  readonly recordingId: string | null
  readonly direction: 'in' | 'out'
  readonly phone: string
}

const silences = new Map<number, Buffer>()

/** 8 kHz 16-bit mono WAV around samples. */
function wav(samples: Int16Array, sampleRate = 8000): Buffer {
  const head = Buffer.alloc(44)
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + data.length, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(sampleRate, 24)
  head.writeUInt32LE(sampleRate * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(data.length, 40)
  return Buffer.concat([head, data])
}

async function soundOf(world: World, spec: Partial<CallSpec>, turn: number): Promise<CallSound> {
  const base = { recordingId: null, direction: 'in' as const, phone: '' }
  if (spec.toneText !== undefined) {
    const samples = encodeTones(spec.toneText)
    return { ...base, bytes: wav(samples), name: 'call.wav', seconds: samples.length / 8000 }
  }
  if (spec.upload) {
    return {
      ...base,
      bytes: Buffer.from(spec.upload.base64, 'base64'),
      name: spec.upload.fileName ?? 'call.mp3',
      seconds: 60,
    }
  }
  if (spec.silenceSeconds !== undefined) {
    const seconds = spec.silenceSeconds
    const bytes = silences.get(seconds) ?? wav(new Int16Array(Math.round(seconds * 8000)))
    silences.set(seconds, bytes)
    return { ...base, bytes, name: 'call.wav', seconds }
  }
  const all = await world.sound.recordings()
  const recording =
    spec.recordingId === undefined ? all[turn % all.length] : await world.sound.recording(spec.recordingId)
  if (!recording) throw new Error('the sandbox has no recordings: name toneText, upload or silenceSeconds')
  const { id, file, durationSeconds, direction, phone } = recording
  return { bytes: await recording.bytes(), name: file, seconds: durationSeconds, recordingId: id, direction, phone }
}

function storeFile(portal: Portal, sound: CallSound, spec: Partial<CallSpec>, now: number): StoredFile | undefined {
  if (spec.recordingAfterMs === null) return undefined
  const file: StoredFile = {
    id: portal.nextId(),
    name: spec.fileName ?? sound.name,
    bytes: sound.bytes,
    availableAt: now + (spec.recordingAfterMs ?? 0),
  }
  portal.files.set(file.id, file)
  return file
}

function addRow(
  portal: Portal,
  entity: 'deals' | 'leads' | 'contacts',
  fields: Record<string, unknown>,
  at: string,
): Row {
  const id = portal.nextId()
  const row: Row = { createdTime: at, updatedTime: at, assignedById: 1, createdBy: 1, ...fields, id }
  portal.entities[entity].set(id, row)
  return row
}

function contactOf(portal: Portal, phone: string, at: string): number {
  const known = portal.contactsByPhone.get(phone)
  if (known !== undefined) return known
  const names = { name: 'SANDBOX', lastName: `Contact ${phone.slice(-4)}` }
  const { id } = addRow(portal, 'contacts', { ...names, opened: 'Y', phone: [{ value: phone, typeId: 'WORK' }] }, at)
  portal.contactsByPhone.set(phone, id)
  return id
}

interface Placed {
  contactId?: number
  dealId?: number
  leadId?: number
  owner?: [typeId: number, id: number]
  bindings: { entityTypeId: number; entityId: number }[]
}

/** The CRM side: Bitrix24 often makes the contact the owner of the activity and binds the deal as well. */
function place(portal: Portal, spec: Partial<CallSpec>, phone: string, at: string): Placed {
  const entity = spec.entity ?? 'deal'
  if (entity === 'none') return { bindings: [] }
  if (entity === 'lead') {
    const fields = {
      title: `SANDBOX: call from ${phone}`,
      statusId: 'NEW',
      sourceId: 'CALL',
      phone: [{ value: phone, typeId: 'WORK' }],
    }
    const { id } = addRow(portal, 'leads', fields, at)
    return { leadId: id, owner: [1, id], bindings: [{ entityTypeId: 1, entityId: id }] }
  }
  const contactId = contactOf(portal, phone, at)
  const bindings = [{ entityTypeId: 3, entityId: contactId }]
  if (entity === 'contact') return { contactId, owner: [3, contactId], bindings }
  const wanted = Number(spec.deal?.['id'])
  const known = Number.isInteger(wanted) ? portal.entities.deals.get(wanted) : undefined
  const open = { title: `SANDBOX: deal of ${phone}`, stageId: 'NEW', stageSemanticId: 'P', closed: 'N', categoryId: 0 }
  const fields = { ...open, amount: 0, currency: 'RUB', contactId, ...spec.deal }
  const dealId = known?.id ?? addRow(portal, 'deals', fields, at).id
  bindings.push({ entityTypeId: 2, entityId: dealId })
  return { contactId, dealId, owner: [3, contactId], bindings }
}

/** Makes a finished call with all that a portal keeps of it, and sends its event when the portal has a webhook. */
export async function createCall(world: World, spec: CallSpec): Promise<CreatedCall> {
  const portal = world.portal(spec.portal)
  const turn = portal.calls.length
  const sound = await soundOf(world, spec, turn)
  return placeCall(world, portal, spec, sound, turn)
}

function placeCall(world: World, portal: Portal, spec: Partial<CallSpec>, sound: CallSound, turn: number): CreatedCall {
  const now = world.now()
  if (spec.hearAs !== undefined) world.misheard.set(createHash('sha256').update(sound.bytes).digest('hex'), spec.hearAs)
  const durationSeconds = spec.durationSeconds ?? Math.round(sound.seconds)
  const startedAt = spec.startedAt ?? now - durationSeconds * 1000
  const at = new Date(now).toISOString()
  const phone = spec.phone ?? (sound.phone === '' ? `+7495${String(1_000_000 + turn)}` : sound.phone)
  const placed = place(portal, spec, phone, at)
  const out = (spec.direction ?? sound.direction) === 'out'
  const activityId = placed.owner && spec.activity !== false ? portal.nextId() : undefined
  const statisticId = portal.nextId()
  const failedCode = spec.failedCode ?? '200'
  const call: Call = {
    statisticId,
    callId: spec.callId ?? `externalCall.${stableHex(`${portal.name}:${statisticId}`)}.${Math.floor(startedAt / 1000)}`,
    type: spec.callType ?? (out ? 1 : 2),
    phone,
    line: spec.line ?? 'reg133788',
    userId: spec.userId ?? 1,
    durationSeconds,
    startedAt,
    failedCode,
    activityId,
    // A deal never stands here: the statistics know contacts, companies and leads only.
    crmEntityType: placed.leadId !== undefined ? 'LEAD' : placed.contactId !== undefined ? 'CONTACT' : '',
    crmEntityId: placed.leadId ?? placed.contactId,
    file: failedCode === '200' ? storeFile(portal, sound, spec, now) : undefined,
    transcript: null,
  }
  portal.calls.push(call)
  portal.callsById.set(call.callId, call)
  if (activityId !== undefined && placed.owner) {
    const activity: Activity = {
      id: activityId,
      ownerTypeId: placed.owner[0],
      ownerId: placed.owner[1],
      direction: out ? 2 : 1,
      responsibleId: call.userId,
      startedAt,
      endedAt: startedAt + durationSeconds * 1000,
      subject: `SANDBOX: ${out ? 'outgoing call to' : 'incoming call from'} ${phone}`,
      bindings: placed.bindings,
      call,
    }
    portal.activities.set(activityId, activity)
  }
  const eventForm = callEndForm(portal, call, now)
  if (spec.sendEvent !== false) {
    for (let sent = 0; sent < (spec.times ?? 1); sent++) world.deliveries.send(portal, call.callId, eventForm)
  }
  return {
    portal: portal.name,
    callId: call.callId,
    statisticId,
    activityId: activityId ?? null,
    fileId: call.file?.id ?? null,
    contactId: placed.contactId ?? null,
    dealId: placed.dealId ?? null,
    leadId: placed.leadId ?? null,
    phone,
    durationSeconds,
    recordingId: sound.recordingId,
    eventForm,
  }
}

/** Attaches or replaces the recording of a call that is there, as a telephony service does later. */
export async function attachRecording(
  world: World,
  spec: CallSpec & { callId: string },
): Promise<{ fileId: number | null }> {
  const portal = world.portal(spec.portal)
  const call = portal.callsById.get(spec.callId)
  if (!call) throw new Error(`portal "${portal.name}" has no call ${spec.callId}`)
  call.file = storeFile(portal, await soundOf(world, spec, call.statisticId), spec, world.now())
  return { fileId: call.file?.id ?? null }
}

/** Many calls of one kind over one or several portals: the sound is made once, so 10,000 calls cost little. */
export async function createCalls(
  world: World,
  spec: Omit<CallSpec, 'portal'> & { readonly count: number; readonly portals: readonly string[] },
): Promise<CreatedCall[]> {
  const portals = spec.portals.map((name) => world.portal(name))
  if (portals.length === 0) throw new Error('name at least one portal')
  const own =
    spec.toneText !== undefined ||
    spec.upload !== undefined ||
    spec.silenceSeconds !== undefined ||
    spec.recordingId !== undefined
  const shared = own ? await soundOf(world, spec, 0) : undefined
  const recordings = own
    ? []
    : await Promise.all((await world.sound.recordings()).map((one) => soundOf(world, { recordingId: one.id }, 0)))
  const created: CreatedCall[] = []
  for (let index = 0; index < spec.count; index++) {
    const portal = portals[index % portals.length]
    const sound = shared ?? recordings[Math.floor(index / portals.length) % recordings.length]
    if (!portal || !sound) throw new Error('the sandbox has no recordings: name toneText, upload or silenceSeconds')
    created.push(placeCall(world, portal, spec, sound, portal.calls.length))
  }
  return created
}
