import { afterAll, beforeAll, expect, test } from 'vitest'
import { addDraft, readDraft } from '../../src/db/drafts.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'

let http: HttpApp
beforeAll(async () => {
  http = await startHttpApp()
  await http.addPortal()
})
afterAll(() => http.close())

let runs = 0
async function draft(fields: { text?: string; name?: string; doubts?: string[] } = {}): Promise<string> {
  runs += 1
  return await addDraft(http.app.db, {
    portalId: 'acme',
    collection: 'products',
    recordId: 500 + runs,
    recordName: fields.name ?? 'Kettle',
    field: 'description',
    seenHash: 'seen',
    rubric: 'product@1 x',
    oldText: '<i>old</i>',
    text: fields.text ?? 'A calm kettle.',
    doubts: fields.doubts ?? [],
    state: 'waiting',
    runId: String(1_000 + runs),
  })
}
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
const stateOf = async (id: string) => (await readDraft(http.app.db, id))?.state

test('drafted texts stand in the review queue, escaped, beside what stands in the card; its badge counts them', async () => {
  const id = await draft({
    name: '<b>Kettle</b>',
    text: '<script>alert(1)</script>',
    doubts: ['numbers that the product does not have: 24'],
  })
  const page = await http.get('/review', await http.visit('operator'))
  expect(page.text).toContain(`id="draft-${id}"`)
  expect(page.text).toContain('&lt;b&gt;Kettle&lt;/b&gt;')
  expect(page.text).toContain('&lt;i&gt;old&lt;/i&gt;')
  expect(page.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(page.text).not.toMatch(/<script>|<i>old|<b>Kettle/)
  expect(/href="\/review"[^>]*>[^<]*<[^>]*>1</.test(page.text)).toBe(true)
  const russian = await http.get('/review', { ...(await http.visit('operator')), 'accept-language': 'ru' })
  for (const words of ['Тексты на проверку', 'числа, которых у товара нет: 24', 'Одобрить с правкой'])
    expect(russian.text).toContain(words)
})

test('approve, edit and approve, reject: each is kept, audited, and an approval is on its way as one run', async () => {
  const operator = await http.visit('operator')
  const [plain, edited, rejected] = [await draft(), await draft(), await draft()]
  const decide = (id: string, fields: Record<string, string>) =>
    http.post(`/drafts/${id}/decide`, form(fields), operator)
  expect((await decide(plain, { decision: 'approved' })).status).toBe(303)
  expect((await decide(edited, { decision: 'approved', text: 'As a person would have it.' })).status).toBe(303)
  expect((await decide(rejected, { decision: 'rejected' })).status).toBe(303)
  expect([await stateOf(plain), await stateOf(edited), await stateOf(rejected)]).toEqual([
    'approved',
    'approved',
    'rejected',
  ])
  expect((await readDraft(http.app.db, edited))?.text).toBe('As a person would have it.')
  expect((await decide(plain, { decision: 'rejected' })).status).toBe(409)
  expect((await decide(plain, { decision: 'approved' })).status).toBe(409)
  const settling = await http.app.db
    .selectFrom('callsift.runs')
    .selectAll()
    .where('workflow', '=', 'settleDraft')
    .execute()
  expect(settling.map((run) => run.input)).toEqual([
    { draftId: plain, undo: false },
    { draftId: edited, undo: false },
  ])
  const audit = await http.app.db
    .selectFrom('callsift.audit')
    .selectAll()
    .where('action', '=', 'draft.decide')
    .execute()
  expect(audit.map((row) => row.subject)).toContain(`draft ${edited}`)
  expect(JSON.stringify(audit)).not.toContain('As a person would have it')
})

test('a written one can be taken back from the page; a viewer sees no buttons and may not decide', async () => {
  const id = await draft()
  const viewer = await http.visit('viewer')
  const seen = await http.get('/review', viewer)
  expect(seen.text).toContain(`id="draft-${id}"`)
  expect(seen.text).not.toContain('/decide')
  expect((await http.post(`/drafts/${id}/decide`, form({ decision: 'approved' }), viewer)).status).toBe(403)
  await http.app.db.updateTable('callsift.drafts').set({ state: 'written' }).where('id', '=', id).execute()
  const operator = await http.visit('operator')
  expect((await http.get('/review', operator)).text).toContain(`action="/drafts/${id}/undo"`)
  expect((await http.get('/review', viewer)).text).not.toContain('/undo')
  expect((await http.post(`/drafts/${id}/undo`, '', operator)).status).toBe(303)
  expect(await stateOf(id)).toBe('undoing')
  expect((await http.post(`/drafts/${id}/undo`, '', operator)).status).toBe(409)
})

test('nothing is approved for a portal that is only observed', async () => {
  const id = await draft()
  await http.operate('portal.write', { id: 'acme', on: false })
  const refused = await http.operate('draft.decide', { id, decision: 'approved' })
  expect([refused.status, JSON.stringify(refused.answer)]).toEqual([409, expect.stringContaining('only observed')])
  expect(await stateOf(id)).toBe('waiting')
  expect((await http.operate('draft.decide', { id, decision: 'rejected' })).status).toBe(200)
})
