import { z } from 'zod'
import { readContactRead } from '../../src/db/contact-reads.ts'
import { missingFields } from '../contacts/contact-fields.ts'
import { ExtractContactInput } from '../contacts/extract-contacts-input.ts'
import { prepareExtraction } from '../contacts/prepare-extraction.ts'
import { readNotes } from '../contacts/read-notes.ts'
import { chatMicros } from '../spending.ts'
import { step } from '../step.ts'

const Found = z.object({
  phone: z.string().nullable(),
  email: z.string().nullable(),
  company: z.string().nullable(),
  doubts: z.array(z.string()),
})
const Read = Found.extend({
  of: z.string(),
  recordId: z.number(),
  /**
   * Why it ends here: the record is `gone` or `complete` by now, `nothing_said` about what it lacks, `unchanged` since it was read,
   * or this is a `dry_run`.
   */
  ended: z.enum(['gone', 'complete', 'nothing_said', 'unchanged', 'dry_run']).nullable(),
  seenHash: z.string(),
  /** What the record lacks. */
  missing: z.array(z.enum(['phone', 'email', 'company'])),
  model: z.string().nullable(),
  tokens: z.number(),
  /** What asking cost, millionths; and of a dry run, what it would cost at most. */
  micros: z.number(),
  mostMicros: z.number(),
})
type Read = z.output<typeof Read>

/** Reads what was written about one record, and what of it says how to reach its customer. The notes themselves are kept nowhere. */
export const readContact = step({
  name: 'readContact',
  queue: 'leads',
  family: 'ai',
  input: z.object({ run: ExtractContactInput }),
  output: Read,
  async run(context, { run }): Promise<Read> {
    const { config, db, portal, vibecode } = context
    const { of, recordId } = run
    const rubric = context.rubrics.findContact(run.rubric)
    const none = { phone: null, email: null, company: null, doubts: [] }
    const free = { model: null, tokens: 0, micros: 0, mostMicros: 0 }
    const nothing = { of, recordId, ...none, ...free, seenHash: '', missing: [] }
    const record = await vibecode.records.get(of, recordId)
    if (record === null) return { ...nothing, ended: 'gone' }
    const missing = missingFields(of, record)
    if (missing.length === 0) return { ...nothing, ended: 'complete' }
    const notes = await readNotes(vibecode, of, record, rubric)
    const asked = prepareExtraction({
      rubric,
      notes,
      missing,
      mask: config.mask,
      seed: `${portal.keyId} ${of} ${recordId} ${context.runId}`,
    })
    const seen = { ...nothing, seenHash: asked.hash, missing }
    if (!asked.worthAsking) return { ...seen, ended: 'nothing_said' }
    const known = await readContactRead(db, portal.id, of, recordId)
    if (known?.seenHash === asked.hash && missing.every((field) => known.askedFor.includes(field))) {
      if (known.written || !config.write || !portal.writeEnabled) return { ...seen, ended: 'unchanged' }
      // Found while the portal was only observed: what was paid for then is written now, while it is kept.
      const found = Found.safeParse(known.found)
      if (found.success) return { ...seen, ...found.data, ended: run.dryRun ? 'dry_run' : null }
    }
    if (run.dryRun) return { ...seen, ended: 'dry_run', mostMicros: chatMicros(asked.mostTokens, config.prices) }
    const { value, model, usage } = await context.spend(
      { of: asked.prompt, tokens: asked.mostTokens },
      () =>
        vibecode.chat.askJson({
          ...asked.prompt,
          model: portal.settings.chatModel ?? config.chatModel,
          schema: asked.schema,
        }),
      (answer) => answer.usage.promptTokens + answer.usage.completionTokens,
    )
    const tokens = usage.promptTokens + usage.completionTokens
    const micros = chatMicros(tokens, config.prices)
    return { ...seen, ...asked.read(value), ended: null, model, tokens, micros }
  },
})
