import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Row } from '../../src/sandbox/portal.ts'
import { askBatches } from '../support/batch-asker.ts'
import { type Program, startProgram } from '../support/program.ts'

interface Report {
  readonly found: number
  readonly unchanged: number
  readonly queued: number
  readonly drafted: number
  readonly inReview: number
  readonly needReview: number
  readonly written: number
  readonly observed: number
  readonly stoppedBy: string | null
  readonly failures: Record<string, number>
  readonly cost: number
  readonly costAtMost: number
}
interface Draft {
  readonly id: string
  readonly portalId: string
  readonly recordId: number
  readonly oldText: string
  readonly text: string
  readonly doubts: string[]
  readonly state: string
  readonly note: string | null
  readonly runState: string | null
  readonly runClass: string | null
}

let program: Program
let batches: ReturnType<typeof askBatches<Report>>
beforeAll(async () => {
  program = await startProgram({
    env: { CALLSIFT_PRICE_CHAT_1K_TOKENS: '1' },
    timings: { batchLookMs: 20, doubtWaitMs: 200, writeDeadlineMs: 1_000, retryDelaysMs: [50], dispatchTickMs: 100 },
  })
  batches = askBatches<Report>(program, 'describe-products')
})
afterAll(async () => await program.close())

function addProducts(portalName: string, count: number, fields: Partial<Row> = {}): Row[] {
  const portal = program.sandbox.world.portal(portalName)
  return Array.from({ length: count }, (_, n) => {
    const row: Row = {
      id: portal.nextId(),
      name: n % 2 === 0 ? `Чайник Ветер ${n + 2}` : `Kettle Breeze ${n + 2}`,
      price: 2490,
      currency: 'RUB',
      description: '',
      active: 'Y',
      ...fields,
    }
    portal.entities.products.set(row.id, row)
    return row
  })
}
let here = 'acme'
const text = (row: Row | undefined) => String(row?.['description'] ?? '')
const drafts = async (shelf: 'waiting' | 'decided') =>
  (await batches.ask<{ drafts: Draft[] }>('draft.list', { shelf, limit: 200 })).drafts
const draftOf = async (row: Row | undefined, shelf: 'waiting' | 'decided') => {
  const found = (await drafts(shelf)).find((one) => one.portalId === here && one.recordId === row?.id)
  if (found === undefined) throw new Error(`no draft of ${row?.id} among the ${shelf}`)
  return found
}
const inState = async (row: Row | undefined, state: string) =>
  await program.until(async () =>
    (await drafts('decided')).find((one) => one.portalId === here && one.recordId === row?.id && one.state === state),
  )

describe('describe-products', () => {
  test('each product without a text gets one draft, in its language; the cards stay as they are, and a second run pays nothing', async () => {
    const bare = addProducts('acme', 4)
    const [human] = addProducts('acme', 1, { description: 'Written by a person.' })
    expect(await batches.run('acme')).toMatchObject({
      found: 5,
      unchanged: 1,
      queued: 4,
      drafted: 4,
      inReview: 4,
      written: 0,
      failures: {},
    })
    const waiting = await drafts('waiting')
    expect(waiting.map((one) => one.recordId).sort()).toEqual(bare.map((row) => row.id).sort())
    for (const draft of waiting) {
      expect(draft.text.length).toBeGreaterThanOrEqual(150)
      expect(draft.doubts).toEqual([])
      const russian = String(bare.find((row) => row.id === draft.recordId)?.['name']).startsWith('Чайник')
      expect(/\p{Script=Cyrillic}/u.test(draft.text)).toBe(russian)
    }
    expect(batches.updates()).toEqual([])
    expect(text(human)).toBe('Written by a person.')
    const before = batches.chats()
    expect(await batches.run('acme')).toMatchObject({ unchanged: 5, queued: 0, cost: 0 })
    expect(batches.chats()).toBe(before)
  })

  test('an approved text is written once and alone, an edited one as edited, a rejected one not at all', async () => {
    const [first, second, third] = await drafts('waiting')
    const row = (draft: Draft | undefined) =>
      program.sandbox.world.portal('acme').entities.products.get(draft?.recordId ?? 0)
    const other = { ...row(first) }
    await batches.ask('draft.decide', { id: first?.id, decision: 'approved' })
    await batches.ask('draft.decide', { id: second?.id, decision: 'approved', text: 'As a person would have it.' })
    await batches.ask('draft.decide', { id: third?.id, decision: 'rejected' })
    await inState(row(first), 'written')
    await inState(row(second), 'written')
    expect(row(first)).toMatchObject({ ...other, description: first?.text, updatedTime: expect.any(String) as unknown })
    expect(text(row(second))).toBe('As a person would have it.')
    expect(text(row(third))).toBe('')
    expect(batches.updates().map((one) => Object.keys(one.detail['changes'] as object))).toEqual([
      ['description'],
      ['description'],
    ])
    await expect(batches.ask('draft.decide', { id: first?.id, decision: 'approved' })).rejects.toMatchObject({
      kind: 'decided_already',
    })
    expect(await batches.run('acme')).toMatchObject({ queued: 0 })
  })

  test('undo puts back what stood there, once; a card that was changed since is left alone', async () => {
    const written = (await drafts('decided')).filter((one) => one.state === 'written')
    const [one, other] = written.map((draft) =>
      program.sandbox.world.portal('acme').entities.products.get(draft.recordId),
    )
    await batches.ask('draft.undo', { id: written[0]?.id })
    await inState(one, 'undone')
    expect(text(one)).toBe(written[0]?.oldText)
    await expect(batches.ask('draft.undo', { id: written[0]?.id })).rejects.toMatchObject({ kind: 'decided_already' })
    if (other !== undefined) other['description'] = 'Changed by a person since.'
    await batches.ask('draft.undo', { id: written[1]?.id })
    await program.until(async () => (await draftOf(other, 'decided')).note === 'card_changed')
    expect(text(other)).toBe('Changed by a person since.')
    // Taken back on purpose: not drafted again while the product looks the same.
    expect(await batches.run('acme')).toMatchObject({ queued: 0 })
  })

  test('a product that changed is written about anew, unless people have written its text since', async () => {
    here = 'direct'
    await program.addPortal(here)
    const [stale, edited] = addProducts('direct', 2)
    expect(await batches.run('direct', { direct: true })).toMatchObject({ written: 2, inReview: 0 })
    if (stale !== undefined) stale['price'] = 1990
    // Catalogues store HTML: what reads the same is still ours.
    if (stale !== undefined) stale['description'] = `<p>${text(stale).replace(' ', '&nbsp;')}</p>`
    if (edited !== undefined) Object.assign(edited, { price: 1990, description: 'Edited by a person.' })
    expect(await batches.run('direct', { direct: true })).toMatchObject({ queued: 1, written: 1 })
    expect(text(stale)).toContain('1990')
    expect(text(edited)).toBe('Edited by a person.')
    expect(await batches.run('direct', { direct: true, replace: true })).toMatchObject({ queued: 2, written: 2 })
    expect(text(edited)).toContain('1990')
    const undone = await draftOf(edited, 'decided')
    expect(undone.oldText).toBe('Edited by a person.')
    await batches.ask('draft.undo', { id: undone.id })
    await inState(edited, 'undone')
    expect(text(edited)).toBe('Edited by a person.')
  })

  test('a text that breaks the rubric is asked for once more, then not used; one with an invented number waits for a person', async () => {
    here = 'strict'
    await program.addPortal(here)
    const [product] = addProducts('strict', 1)
    const say = (content: string, times = 1) =>
      program.sandbox.world.model.plans.push({
        portal: 'strict',
        left: times,
        plan: { mode: 'honest', content: JSON.stringify({ text: content }) },
      })
    const filler = 'Подойдёт для дома и для дачи, прост в уходе и служит долго. '.repeat(4)
    say('Коротко.')
    const before = batches.chats()
    expect(await batches.run('strict', { direct: true, maxProducts: 1 })).toMatchObject({ written: 1, failures: {} })
    expect(batches.chats() - before).toBe(2)
    say(`Уникальный чайник. ${filler}`, 2)
    if (product !== undefined) product['price'] = 100
    const failed = await batches.run('strict', { direct: true })
    expect(failed).toMatchObject({ written: 0, failures: { bad_model_output: 1 } })
    expect(text(product)).toContain('2490')
    say(`Чайник Ветер 2. ${filler} Гарантия 24 месяца.`, 2)
    expect(await batches.run('strict', { direct: true })).toMatchObject({ written: 0, inReview: 1, needReview: 1 })
    expect((await draftOf(product, 'waiting')).doubts).toEqual(['numbers that the product does not have: 24'])
  })

  test('an observed portal gets no text; what was paid for then is written once writing is on', async () => {
    here = 'watched'
    await program.addPortal(here)
    await batches.ask('portal.write', { id: 'watched', on: false })
    const rows = addProducts('watched', 3)
    expect(await batches.run('watched', { direct: true })).toMatchObject({ drafted: 3, observed: 3, written: 0 })
    expect(await batches.run('watched', { direct: true })).toMatchObject({ queued: 0 })
    expect(rows.map(text)).toEqual(['', '', ''])
    await batches.ask('portal.write', { id: 'watched', on: true })
    const before = batches.chats()
    expect(await batches.run('watched', { direct: true })).toMatchObject({ written: 3, cost: 0 })
    expect(batches.chats()).toBe(before)
    for (const row of rows) expect(text(row).length).toBeGreaterThan(100)
  })

  test('a dry run counts and prices; --max-products and --max-cost hold', async () => {
    here = 'frugal'
    await program.addPortal(here)
    addProducts('frugal', 12)
    const before = batches.chats()
    const priced = await batches.run('frugal', { dryRun: true })
    expect(priced).toMatchObject({ found: 12, queued: 12, drafted: 0, cost: 0 })
    expect(batches.chats()).toBe(before)
    expect(await batches.run('frugal', { maxProducts: 3 })).toMatchObject({ drafted: 3, stoppedBy: 'max_products' })
    const each = priced.costAtMost / 12
    const capped = await batches.run('frugal', { maxCost: each * 1.2 })
    expect(capped.stoppedBy).toBe('max_cost')
    expect(capped.cost).toBeLessThanOrEqual(each * 1.2)
  })

  test('lost answers write nothing twice; a refusal is parked by its class, and goes on when it is retried', async () => {
    here = 'lossy'
    await program.addPortal(here)
    const rows = addProducts('lossy', 6)
    const before = batches.updates().length
    program.sandbox.addFault({ route: 'products.update', kind: 'after', how: 'lost', portal: 'lossy', times: 2 })
    program.sandbox.addFault({
      route: 'products.update',
      kind: 'after',
      how: 'reset',
      portal: 'lossy',
      times: 2,
      skip: 2,
    })
    expect(await batches.run('lossy', { direct: true })).toMatchObject({ written: 6, failures: {} })
    program.sandbox.clearFaults()
    expect(batches.updates().length - before).toBe(6)
    for (const row of rows) expect(text(row)).not.toBe('')
    const [refused] = addProducts('lossy', 1)
    expect(await batches.run('lossy')).toMatchObject({ inReview: 1 })
    program.sandbox.addFault({
      route: 'products.update',
      kind: 'status',
      status: 403,
      code: 'BITRIX_ACCESS_DENIED',
      portal: 'lossy',
    })
    const draft = await draftOf(refused, 'waiting')
    await batches.ask('draft.decide', { id: draft.id, decision: 'approved' })
    await program.until(async () => (await draftOf(refused, 'decided')).runState === 'parked')
    program.sandbox.clearFaults()
    await batches.ask('draft.retry', { id: draft.id })
    await inState(refused, 'written')
    expect(text(refused)).toBe(draft.text)
  })

  test('a worker that dies after it paid, or after it wrote, costs no second text and no second write', async () => {
    here = 'mortal'
    await program.addPortal(here)
    const [row] = addProducts(here, 1)
    expect(await batches.run(here, { direct: true })).toMatchObject({ written: 1 })
    const [chats, updates] = [batches.chats(), batches.updates().length]
    const written = text(row)
    await batches.forget('writeDescription')
    await batches.forget('draftDescription')
    expect([batches.chats(), batches.updates().length, text(row)]).toEqual([chats, updates, written])
    expect(await inState(row, 'written')).toMatchObject({ text: written })
  })

  test('a schedule begins it with its options', async () => {
    here = 'nightly'
    await program.addPortal(here)
    addProducts(here, 2)
    const wanted = { name: 'texts', workflow: 'describe-products', portalId: here, cron: '0 4 * * *' }
    await expect(batches.ask('schedule.add', { ...wanted, input: { maxLeads: 1 } })).rejects.toMatchObject({
      kind: 'invalid_input',
    })
    await batches.ask('schedule.add', { ...wanted, input: { direct: true, maxProducts: 1 } })
    const { id } = await batches.ask<{ id: string }>('schedule.run', { name: 'texts' })
    expect(await batches.reported(id)).toMatchObject({ queued: 1, written: 1, stoppedBy: 'max_products' })
    await batches.ask('schedule.remove', { name: 'texts' })
  })

  test('a card that changes while its text waits comes back to the person with what stands there now', async () => {
    here = 'busy'
    await program.addPortal(here)
    const [row] = addProducts('busy', 1)
    await batches.run('busy')
    const draft = await draftOf(row, 'waiting')
    if (row !== undefined) row['description'] = 'A person was faster.'
    await batches.ask('draft.decide', { id: draft.id, decision: 'approved' })
    await program.until(
      async () => (await drafts('waiting')).find((one) => one.id === draft.id)?.note === 'card_changed',
    )
    expect(text(row)).toBe('A person was faster.')
    expect((await draftOf(row, 'waiting')).oldText).toBe('A person was faster.')
    await batches.ask('draft.decide', { id: draft.id, decision: 'approved' })
    await inState(row, 'written')
    expect(text(row)).toBe(draft.text)
  })
})
