import { z } from 'zod'
import type { App } from '../context.ts'
import { againOnDeadlock } from '../db/again-on-deadlock.ts'
import { eraseDialogues } from '../db/bot-messages.ts'
import {
  clearFiles,
  countOpenAttempts,
  type Erasable,
  listByIds,
  listByPhone,
  listNames,
  listStandingEntries,
  removeCall,
  removeLooseDeliveries,
  type StandingEntry,
  stopRun,
} from '../db/erase.ts'
import { listExtractedByPhone, listExtractedOfCall, removeExtracted } from '../db/erase-contacts.ts'
import { type ErasableLead, listCallsOf, listLeadsOf, listOpenScorings, removeLead } from '../db/erase-leads.ts'
import { cancelRun } from '../engine/rerun.ts'
import { bury } from '../intake/tombstones.ts'
import { phoneDigits } from '../phone-digits.ts'
import { choosePortal } from './call-submit.ts'
import { findCall } from './find-call.ts'
import { defineOperation, OperationError } from './operation.ts'

const EraseInput = z
  .strictObject({
    /** A person's number, in any spelling: all calls with it. */
    phone: z.string().max(64).optional(),
    /** One call, by our id, its CALL_ID or `activity:57`. */
    call: z.coerce.string().min(1).max(300).optional(),
    /** One lead by its number in the CRM: its calls, and what it was scored as. */
    lead: z.coerce.number().int().min(1).optional(),
    portalId: z.string().min(1).optional(),
    /** Only tells what would go. */
    dryRun: z.boolean().default(false),
    /** Writes the tables anew, so that nothing stays in the database's files. Embedded: always. */
    rewrite: z.boolean().optional(),
  })
  .refine(
    (input) => [input.phone, input.call, input.lead].filter((one) => one !== undefined).length === 1,
    'give a phone, a call or a lead, one of the three',
  )

/** The act of an erasure: numbers and dates, and nothing of what was erased. */
export interface ErasureReport {
  readonly dryRun: boolean
  readonly at: string
  readonly calls: number
  /** Whose scores go as well. */
  readonly leads: number
  readonly removed: Readonly<Record<string, number>>
  /** Stand in the CRM and have to be deleted there, by hand: the API has no way to. */
  readonly entries: readonly StandingEntry[]
  /** Attempts that had not ended when the rows went; what they bring is not stored. */
  readonly stillRunning: number
  /** What could not be cleared from the database's files, with its reason; empty where `filesRewritten`. */
  readonly filesRewritten: boolean
  readonly notCleared: readonly string[]
}

const patienceMs = 15_000

/** Removes a person's calls, or one call, from the record for good, and keeps them from coming back. */
export const callErase = defineOperation({
  name: 'call.erase',
  role: 'admin',
  summary:
    'Erases one call, all calls of a phone number, or a lead with its calls and scores, and keeps the calls from being taken in again.',
  input: EraseInput,
  // Neither the number nor the call may live on in the audit.
  audit: (input) => ({
    subject: 'erasure',
    detail: {
      by: input.phone !== undefined ? 'phone' : input.call !== undefined ? 'call' : 'lead',
      portalId: input.portalId,
      dryRun: input.dryRun,
    },
  }),
  run: async (app, input): Promise<ErasureReport> => {
    const digits = input.phone === undefined ? null : phoneDigits(input.phone)
    if (input.phone !== undefined && digits === null) {
      throw new OperationError(
        'short_phone',
        400,
        "This number is too short to be one person's.",
        'Give it whole, with its area code: +74951234567.',
      )
    }
    const lead = input.lead === undefined ? null : await nameLead(app, input.lead, input.portalId)
    const calls = await listCalls(app, { ...input, digits, lead })
    const leads = await listLeadsOf(app.db, calls)
    if (lead !== null && !leads.some((one) => one.leadId === lead.leadId && one.portalId === lead.portalId))
      leads.push(lead)
    const entries: StandingEntry[] = []
    for (const { runId } of calls) if (runId !== null) entries.push(...(await listStandingEntries(app.db, runId)))
    const report = {
      dryRun: input.dryRun,
      at: new Date().toISOString(),
      calls: calls.length,
      leads: leads.length,
      entries,
    }
    if (input.dryRun) return { ...report, removed: {}, stillRunning: 0, filesRewritten: false, notCleared: [] }

    await stopAndBury(app, calls, { digits, portalId: input.portalId ?? null })
    const scorings = (await Promise.all(leads.map((one) => listOpenScorings(app.db, one)))).flat()
    for (const id of scorings) await cancelRun(app.db, app.registry, id, { atOnce: true })
    const stillRunning = await waitForAttempts(app, [
      ...calls.flatMap(({ runId }) => (runId === null ? [] : [runId])),
      ...scorings,
    ])
    const removed: Record<string, number> = {}
    const add = (gone: Record<string, number>) => {
      for (const [table, rows] of Object.entries(gone)) removed[table] = (removed[table] ?? 0) + rows
    }
    for (const one of leads)
      add(await againOnDeadlock(() => app.db.transaction().execute((trx) => removeLead(trx, one))))
    for (const call of calls) {
      // Before the call's own rows go: they tell which lead or contact it belongs to.
      addTo(removed, 'contactRuns', await eraseExtracted(app, await listExtractedOfCall(app.db, call)))
      const gone = await againOnDeadlock(() =>
        app.db.transaction().execute(async (trx) => {
          const loose = await removeLooseDeliveries(trx, call)
          const rows = await removeCall(trx, call)
          return { ...rows, deliveries: (rows['deliveries'] ?? 0) + loose }
        }),
      )
      add(gone)
    }
    if (digits !== null) {
      const extracted = await listExtractedByPhone(app.db, digits, input.portalId ?? null)
      addTo(removed, 'contactRuns', await eraseExtracted(app, extracted))
    }
    // What was said to a bot: dialogues in which the number was written, and those that told of one of the calls.
    const chatMessages = await app.db.transaction().execute(async (trx) => {
      const callIds = calls.map((call) => call.id)
      const told = callIds.length === 0 ? 0 : await eraseDialogues(trx, { callIds })
      return told + (digits === null ? 0 : await eraseDialogues(trx, { digits, portalId: input.portalId ?? null }))
    })
    if (chatMessages > 0) removed['chatMessages'] = chatMessages
    const filesRewritten = input.rewrite ?? app.connection.kind === 'pglite'
    const notCleared = await clearFiles(app.connection, filesRewritten)
    return { ...report, removed, stillRunning, filesRewritten, notCleared }
  },
})

function addTo(removed: Record<string, number>, what: string, rows: number): void {
  removed[what] = (removed[what] ?? 0) + rows
}

/** Ends them first, so that a batch which waits for one of them does not wait for ever. */
async function eraseExtracted(app: App, runIds: readonly string[]): Promise<number> {
  for (const id of runIds) await cancelRun(app.db, app.registry, id)
  return await againOnDeadlock(() => app.db.transaction().execute((trx) => removeExtracted(trx, runIds)))
}

async function listCalls(
  app: App,
  input: { digits: string | null; lead: ErasableLead | null; call?: string | undefined; portalId?: string | undefined },
): Promise<Erasable[]> {
  if (input.lead !== null) return await listByIds(app.db, await listCallsOf(app.db, input.lead))
  if (input.digits !== null) return await listByPhone(app.db, input.digits, input.portalId ?? null)
  const { id } = await findCall(app, { call: input.call ?? '', portalId: input.portalId })
  return await listByIds(app.db, [id])
}

async function nameLead(app: App, leadId: number, portalId: string | undefined): Promise<ErasableLead> {
  const portal = await choosePortal(app, portalId)
  return { portalId: portal.id, leadId: String(leadId) }
}

/** In one transaction with the stop: whoever tells of the call again from here on meets the tombstone, and before it the call itself. */
async function stopAndBury(
  app: App,
  calls: readonly Erasable[],
  by: { digits: string | null; portalId: string | null },
): Promise<void> {
  const portals = await app.db.selectFrom('callsift.portals').select('id').execute()
  const phones =
    by.digits === null
      ? []
      : portals
          .filter((portal) => by.portalId === null || portal.id === by.portalId)
          .flatMap((portal) => app.tombstones.ofPhone(portal.id, by.digits) ?? [])
  await againOnDeadlock(() =>
    app.db.transaction().execute(async (trx) => {
      for (const call of calls) {
        if (call.runId !== null) await stopRun(trx, call.runId)
        const names = await listNames(trx, call.id)
        await bury(trx, names.map(app.tombstones.ofName))
      }
      await bury(trx, phones)
    }),
  )
}

async function waitForAttempts(app: App, runIds: readonly string[]): Promise<number> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const open = await countOpenAttempts(app.db, runIds)
    if (open === 0 || performance.now() > deadline) return open
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
