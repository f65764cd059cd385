import { z } from 'zod'
import { saveContactRead } from '../../src/db/contact-reads.ts'
import { isWriteBegun } from '../../src/engine/effects.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { missingFields, valuesOf } from '../contacts/contact-fields.ts'
import { ExtractContactInput } from '../contacts/extract-contacts-input.ts'
import { step } from '../step.ts'

interface Found {
  readonly phone: string | null
  readonly email: string | null
  readonly company: string | null
}

/** Fills in what is still missing, once, and remembers by what the record was read. What a field holds is never touched. */
export const writeContact = step({
  name: 'writeContact',
  queue: 'leads',
  family: 'crm',
  input: z.object({
    run: ExtractContactInput,
    readContact: z.object({
      seenHash: z.string(),
      missing: z.array(z.string()),
      phone: z.string().nullable(),
      email: z.string().nullable(),
      company: z.string().nullable(),
      doubts: z.array(z.string()),
    }),
  }),
  /**
   * `nothing`: nothing was found that is still missing. `doubtful`: a person should look first. `observed`: writing is off. `found`,
   * `kept`: an attempt before had written it.
   */
  output: z.object({
    written: z.enum(['written', 'found', 'kept', 'nothing', 'doubtful', 'observed', 'gone']),
    /** The fields that were filled in. */
    fields: z.array(z.string()),
  }),
  async run(context, { run: { of, recordId }, readContact: found }) {
    const { config, db, portal, vibecode, runId } = context
    const { seenHash, missing: askedFor } = found
    const read = { portalId: portal.id, collection: of, recordId, seenHash, askedFor, runId }
    const end = async <Written extends string>(written: Written, settled: boolean, fields: readonly string[] = []) => {
      await saveContactRead(db, { ...read, written: settled })
      return { written, fields: [...fields] }
    }
    if (found.doubts.length > 0) return await end('doubtful', true)
    if (found.phone === null && found.email === null && found.company === null) return await end('nothing', true)
    if (!config.write || !portal.writeEnabled) return await end('observed', false)
    const record = await vibecode.records.get(of, recordId)
    if (record === null) return { written: 'gone' as const, fields: [] }
    const key = `run ${runId} contact`
    // An attempt before may have written it: then what stands there as we meant it is ours.
    const fresh = !(await isWriteBegun(db, key))
    const fields = await fieldsToSet(vibecode, of, record, found, fresh)
    const names = Object.keys(fields)
    if (names.length === 0) return await end('nothing', true)
    const { how } = await context.writeOnce({
      key,
      kind: 'contact',
      intentNo: 1,
      marker: `contact ${recordId}`,
      target: { collection: of, id: recordId },
      send: async () => {
        await vibecode.records.patch(of, recordId, fields)
        return String(recordId)
      },
      readBack: async () => {
        const now = await vibecode.records.get(of, recordId)
        return now !== null && shows(now, fields) ? String(recordId) : null
      },
    })
    return await end(how, true, names)
  },
})

/** Only what the record lacks; after an attempt before, also what stands there as it would be set. */
async function fieldsToSet(
  vibecode: Vibecode,
  of: 'leads' | 'contacts',
  record: CrmEntity,
  found: Found,
  fresh: boolean,
): Promise<Record<string, unknown>> {
  const missing = missingFields(of, record)
  const fields: Record<string, unknown> = {}
  const set = (name: string, lacks: boolean, value: unknown) => {
    if (lacks || (!fresh && shows(record, { [name]: value }))) fields[name] = value
  }
  if (found.phone !== null) set('phone', missing.includes('phone'), [{ value: found.phone, typeId: 'WORK' }])
  if (found.email !== null) set('email', missing.includes('email'), [{ value: found.email, typeId: 'WORK' }])
  if (found.company !== null && of === 'leads') set('companyTitle', missing.includes('company'), found.company)
  if (found.company !== null && of === 'contacts') {
    const companyId = await findCompany(vibecode, found.company)
    if (companyId !== null) set('companyId', missing.includes('company'), companyId)
  }
  return fields
}

/** A contact's company is a record of its own: the one of exactly this name, where there is one; none is created. */
async function findCompany(vibecode: Vibecode, name: string): Promise<number | null> {
  const { records } = await vibecode.records.list('companies', {
    filter: { title: name },
    select: ['title'],
    afterId: 0,
    limit: 2,
  })
  const exact = records.filter((one) => one.title?.trim().toLowerCase() === name.toLowerCase())
  return exact.length === 1 ? (exact[0]?.id ?? null) : null
}

function shows(record: CrmEntity, fields: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(fields).every(([name, value]) => {
    const stands = valuesOf(record[name])
    return valuesOf(value).every((one) => stands.includes(one))
  })
}
