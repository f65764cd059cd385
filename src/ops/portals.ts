import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../context.ts'
import type { PortalSettings } from '../db/portal-settings.ts'
import {
  findPortal,
  listPortals,
  type Portal,
  removePortal,
  savePortal,
  setPortalSettings,
  setPortalWrite,
} from '../db/portals.ts'
import { capGateNames } from '../db/spend.ts'
import { readWorkingHours } from '../working-hours.ts'
import { defineOperation, OperationError } from './operation.ts'

const PortalId = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\w.-]+$/, 'may hold letters, digits, dots and dashes')
const word = z.string().trim().min(1).max(300)

/** The portal as it may be shown: no key, no token, not even their digests. */
export function showPortal(portal: Portal) {
  return {
    id: portal.id,
    name: portal.name,
    memberId: portal.memberId,
    domain: portal.domain,
    baseUrl: portal.baseUrl,
    keyId: portal.keyId,
    applicationTokens: portal.tokenHashes.length,
    robot: portal.robotSecretHash !== null,
    writeEnabled: portal.writeEnabled,
    sandbox: portal.sandbox,
    settings: portal.settings,
    addedAt: portal.addedAt,
    lastEventAt: portal.lastEventAt,
    reconciledAt: portal.reconciledAt,
  }
}

export async function needPortal(app: App, id: string): Promise<Portal> {
  const portal = await findPortal(app.db, id)
  if (portal !== null) return portal
  const known = (await listPortals(app.db)).map((one) => one.id)
  throw new OperationError(
    'unknown_portal',
    404,
    `There is no portal ${id}.`,
    known.length === 0 ? 'Add one with `callsift portal add`.' : `Known are: ${known.join(', ')}.`,
  )
}

export const portalList = defineOperation({
  name: 'portal.list',
  summary: 'Lists the portals.',
  input: z.strictObject({}),
  run: async (app) => ({ portals: (await listPortals(app.db)).map(showPortal) }),
})

/** The API key travels in every request's head: only over TLS, or to this very machine. */
const BaseUrl = z.url({ protocol: /^https?$/ }).refine((value) => {
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}, 'must be https (http only on this machine)')

export const portalSave = defineOperation({
  name: 'portal.save',
  role: 'admin',
  summary: 'Adds a portal, or changes it. A new application token goes before the standing one, which stays good.',
  input: z.strictObject({
    id: PortalId.optional(),
    memberId: word,
    domain: word.optional(),
    name: word.optional(),
    baseUrl: BaseUrl.optional(),
    /** May be left out when the portal is known already. */
    apiKey: z.string().trim().min(8).max(500).optional(),
    applicationToken: z.string().trim().min(8).max(500).optional(),
    /** `true` makes a new secret for the robot's address and shows it this once. */
    robot: z.boolean().default(false),
    writeEnabled: z.boolean().optional(),
  }),
  audit: (input) => ({
    subject: `portal ${input.id ?? input.domain ?? input.memberId}`,
    detail: {
      name: input.name,
      baseUrl: input.baseUrl,
      newKey: input.apiKey !== undefined,
      newToken: input.applicationToken !== undefined,
      newRobot: input.robot,
      writeEnabled: input.writeEnabled,
    },
  }),
  run: async (app, input) => {
    const portals = await listPortals(app.db)
    const byMember = portals.find((portal) => portal.memberId === input.memberId)
    const id = input.id ?? byMember?.id ?? (input.domain ?? input.memberId).toLowerCase().replace(/[^\w.-]+/g, '-')
    const standing = portals.find((portal) => portal.id === id)
    if (byMember !== undefined && byMember.id !== id) {
      throw new OperationError(
        'member_taken',
        409,
        `The member id ${input.memberId} belongs to portal ${byMember.id}.`,
        `Save it as ${byMember.id}, or remove that portal first.`,
      )
    }
    const apiKey =
      input.apiKey ?? (standing === undefined ? undefined : app.sealer.unseal(standing.sealedKey, standing.id))
    if (apiKey === undefined) {
      throw new OperationError('invalid_input', 400, 'A new portal needs its VibeCode API key.', 'Give it as apiKey.')
    }
    const robotSecret = input.robot ? randomBytes(24).toString('base64url') : undefined
    const saved = await savePortal(app.db, app.sealer, {
      id,
      memberId: input.memberId,
      domain: input.domain ?? null,
      name: input.name ?? standing?.name ?? input.domain ?? id,
      baseUrl: (input.baseUrl ?? standing?.baseUrl ?? app.config.vibecodeBaseUrl).replace(/\/+$/, ''),
      apiKey,
      applicationToken: input.applicationToken,
      robotSecret,
      // Off until somebody turns it on: an entry can't be taken back.
      writeEnabled: input.writeEnabled ?? standing?.writeEnabled ?? false,
      sandbox: app.config.mode !== 'live',
    })
    app.engine.kick()
    return {
      portal: showPortal(saved),
      robotPath: robotSecret === undefined ? null : `/webhooks/bitrix24/robot/${robotSecret}`,
    }
  },
})

export const portalWrite = defineOperation({
  name: 'portal.write',
  role: 'admin',
  summary: 'Turns writing to a portal on or off. Off: everything runs and the entry is shown, but nothing is written.',
  input: z.strictObject({ id: PortalId, on: z.boolean() }),
  audit: (input) => ({ subject: `portal ${input.id}`, detail: { on: input.on } }),
  run: async (app, input) => {
    await needPortal(app, input.id)
    await setPortalWrite(app.db, input.id, input.on)
    const note = input.on && !app.config.write ? 'CALLSIFT_WRITE=off still holds for all portals.' : null
    return { portal: showPortal(await needPortal(app, input.id)), note }
  },
})

const optional = <Shape extends z.ZodType>(shape: Shape) => z.union([shape, z.null()]).optional()
const amount = optional(z.number().min(0).max(1_000_000_000))
const isTimeZone = (name: string) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
const ids = z.array(z.coerce.string().trim().min(1).max(100)).max(1_000)

export const portalSettings = defineOperation({
  name: 'portal.settings',
  role: 'admin',
  summary: "Changes a portal's own settings; null takes one back to the program's default.",
  input: z.strictObject({
    id: PortalId,
    settings: z.strictObject({
      minSeconds: optional(z.number().int().min(0).max(86_400)),
      directions: optional(
        z
          .array(z.enum(['in', 'out']))
          .min(1)
          .max(2),
      ),
      users: optional(ids),
      lines: optional(ids),
      language: optional(z.string().regex(/^([a-z]{2}|auto)$/, 'must be two letters (ISO 639) or auto')),
      lineLanguages: optional(
        z.record(word, z.string().regex(/^([a-z]{2}|auto)$/, 'must be two letters (ISO 639) or auto')),
      ),
      stereo: optional(z.enum(['split', 'mix'])),
      agentChannel: optional(z.enum(['left', 'right', 'caller'])),
      glossary: optional(z.string().min(1).max(800)),
      chatModel: optional(word),
      speechModel: optional(word),
      prompt: optional(z.string().min(1).max(20_000)),
      verdictFields: optional(z.boolean()),
      attachDialogue: optional(z.boolean()),
      bindEntry: optional(z.boolean()),
      hotLeadBot: optional(z.number().int().min(1)),
      verdictTriggers: optional(
        z.partialRecord(z.enum(['high', 'medium', 'low']), z.string().regex(/^[\w.:-]{1,100}$/, 'must be a code')),
      ),
      portalTranscript: optional(z.boolean()),
      timeZone: optional(
        z
          .string()
          .max(60)
          .regex(/^[A-Za-z]/)
          .refine(isTimeZone, 'must be a time zone such as Europe/Moscow'),
      ),
      capDailyMinutes: amount,
      capMonthlyMinutes: amount,
      capDailyCost: amount,
      capMonthlyCost: amount,
      alertBot: optional(
        z.strictObject({
          botId: z.number().int().min(1),
          dialogId: z.string().regex(/^[\w.:-]{1,64}$/, 'must be a dialog id'),
        }),
      ),
      alertNoEventHours: optional(z.number().min(0).max(8_760)),
      workingHours: optional(
        z.string().refine((text) => readWorkingHours(text) !== null, 'must be days and hours such as Mon-Fri 9-18'),
      ),
    }),
  }),
  audit: (input) => ({ subject: `portal ${input.id}`, detail: { changed: Object.keys(input.settings) } }),
  run: async (app, input) => {
    const portal = await needPortal(app, input.id)
    const merged = { ...portal.settings, ...input.settings }
    const settings = Object.fromEntries(Object.entries(merged).filter(([, value]) => value != null)) as PortalSettings
    await setPortalSettings(app.db, portal.id, settings)
    // What waited at a cap tries again at once, and waits again where the new one has no room either.
    for (const gate of capGateNames(portal.id)) await app.gates.open(portal.keyId, gate)
    app.engine.kick()
    return { portal: showPortal(await needPortal(app, portal.id)) }
  },
})

export const portalRemove = defineOperation({
  name: 'portal.remove',
  role: 'admin',
  summary: 'Takes a portal out of service and forgets its key. What runs for it ends; its calls stay for the record.',
  input: z.strictObject({ id: PortalId }),
  audit: (input) => ({ subject: `portal ${input.id}` }),
  run: async (app, input) => {
    await needPortal(app, input.id)
    const endedRuns = (await removePortal(app.db, input.id)) ?? 0
    return { id: input.id, removed: true, endedRuns }
  },
})
