import { z } from 'zod'
import type { App } from '../context.ts'
import { type Draft, listDrafts, moveDraft, readDraft } from '../db/drafts.ts'
import { createRun } from '../engine/create-run.ts'
import { retryParked } from '../engine/rerun.ts'
import { defineOperation, OperationError, Paging, RowId } from './operation.ts'
import { needPortal } from './portals.ts'

/** A person waits for it, as for a live call. */
const priority = 0
const longestText = 20_000

const DraftShape = z.object({
  id: z.string(),
  portalId: z.string(),
  collection: z.string(),
  recordId: z.number(),
  recordName: z.string().nullable(),
  field: z.string(),
  rubric: z.string(),
  oldText: z.string(),
  text: z.string(),
  doubts: z.array(z.string()),
  state: z.string(),
  note: z.string().nullable(),
  createdAt: z.iso.datetime(),
  decidedBy: z.string().nullable(),
  decidedAt: z.iso.datetime().nullable(),
  writtenAt: z.iso.datetime().nullable(),
  runState: z.string().nullable(),
  runClass: z.string().nullable(),
})

function tell(draft: Draft) {
  const { seenHash: _, intentNo: __, writeRunId: ___, ...told } = draft
  return told
}

export const draftList = defineOperation({
  name: 'draft.list',
  summary: 'Lists texts that wait for a person, the oldest first; or those that were decided about, the newest first.',
  input: z.strictObject({ ...Paging, shelf: z.enum(['waiting', 'decided']).default('waiting') }),
  output: z.object({ drafts: z.array(DraftShape), nextCursor: z.string().nullable() }),
  run: async (app, input) => {
    const found = await listDrafts(app.db, { shelf: input.shelf, cursor: input.cursor, limit: input.limit + 1 })
    const page = found.slice(0, input.limit)
    return { drafts: page.map(tell), nextCursor: found.length > page.length ? (page.at(-1)?.id ?? null) : null }
  },
})

async function needDraft(app: App, id: string): Promise<Draft> {
  const draft = await readDraft(app.db, id)
  if (draft !== null) return draft
  throw new OperationError('unknown_draft', 404, `There is no draft ${id}.`, 'See: callsift draft list')
}

function notSo(draft: Draft, wanted: string): OperationError {
  return new OperationError(
    'decided_already',
    409,
    `Draft ${draft.id} is ${draft.state}, not ${wanted}.`,
    'Look at it anew, then decide: callsift draft list --decided',
  )
}

/** The decision and the run that carries it out are one commit: what was answered to a person is also on its way. */
async function sendOff(app: App, draft: Draft, undo: boolean, by: string, text?: string): Promise<string> {
  const portal = await needPortal(app, draft.portalId)
  if (!app.config.write || !portal.writeEnabled)
    throw new OperationError(
      'writing_off',
      409,
      `Portal ${portal.id} is only observed, so nothing is written to it.`,
      `Turn writing on (callsift portal write ${portal.id} on), then decide.`,
    )
  const runId = await app.db.transaction().execute(async (trx) => {
    const move = undo
      ? ({ from: ['written'], to: 'undoing' } as const)
      : ({ from: ['waiting'], to: 'approved' } as const)
    const moved = await moveDraft(trx, draft.id, { ...move, by, text })
    if (moved === null) throw notSo(draft, move.from[0])
    const made = await createRun(trx, app.registry, {
      workflow: 'settleDraft',
      key: `draft ${draft.id} ${moved.intentNo}`,
      portalId: draft.portalId,
      input: { draftId: draft.id, undo },
      priority,
    })
    await moveDraft(trx, draft.id, { from: [move.to], to: move.to, writeRunId: made.runId })
    return made.runId
  })
  app.engine.kick()
  return runId
}

export const draftDecide = defineOperation({
  name: 'draft.decide',
  summary: 'Approves or rejects a drafted text. An approved one, as it is or as `text` says, goes into its card once.',
  input: z
    .strictObject({
      id: RowId,
      decision: z.enum(['approved', 'rejected']),
      /** Instead of the drafted one. */
      text: z.string().trim().min(1).max(longestText).optional(),
    })
    .refine((input) => input.text === undefined || input.decision === 'approved', 'a text goes with an approval'),
  audit: (input) => ({
    subject: `draft ${input.id}`,
    detail: { decision: input.decision, edited: input.text !== undefined },
  }),
  run: async (app, input, caller) => {
    const draft = await needDraft(app, input.id)
    if (input.decision === 'approved') {
      const runId = await sendOff(app, draft, false, caller.actor, input.text)
      return { id: draft.id, decision: input.decision, runId }
    }
    const moved = await moveDraft(app.db, draft.id, { from: ['waiting'], to: 'rejected', by: caller.actor })
    if (moved === null) throw notSo(draft, 'waiting')
    return { id: draft.id, decision: input.decision, runId: null }
  },
})

export const draftUndo = defineOperation({
  name: 'draft.undo',
  summary:
    'Puts back what stood in the card before the text was written, once; a card that was changed since is left alone.',
  input: z.strictObject({ id: RowId }),
  audit: (input) => ({ subject: `draft ${input.id}` }),
  run: async (app, input, caller) => {
    const draft = await needDraft(app, input.id)
    return { id: draft.id, runId: await sendOff(app, draft, true, caller.actor) }
  },
})

export const draftRetry = defineOperation({
  name: 'draft.retry',
  summary: 'Sends an approved text, or an undoing, whose way to the CRM is parked on its way again.',
  input: z.strictObject({ id: RowId }),
  audit: (input) => ({ subject: `draft ${input.id}` }),
  run: async (app, input) => {
    const draft = await needDraft(app, input.id)
    const freed = draft.writeRunId === null ? 0 : await retryParked(app.db, draft.writeRunId)
    if (freed === 0)
      throw new OperationError(
        'nothing_parked',
        409,
        `Nothing of draft ${draft.id} is parked.`,
        'There is nothing to retry.',
      )
    app.engine.kick()
    return { id: draft.id, freed }
  },
})
