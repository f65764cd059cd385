import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DashboardWorld, startDashboardWorld } from '../support/dashboard-world.ts'
import { makeDataFolder } from '../support/data-folder.ts'
import { addLeads } from '../support/sandbox-leads.ts'

// Runs over many leads and their schedules, as a person starts, rests, ends and reads them without a script.
/** The state beside the title, not that of a step. */
const ended = /class="actions"><span class="state good">/

describe('the page of batches', () => {
  let world: DashboardWorld
  let admin = ''
  const send = async (method: 'GET' | 'POST', path: string, fields: Record<string, string> = {}, secret = admin) => {
    const answer = await request(`${world.server.url}${path}`, {
      method,
      headers: {
        cookie: `__Host-callsift=${secret}`,
        'sec-fetch-site': 'same-origin',
        ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      body: method === 'POST' ? new URLSearchParams(fields).toString() : null,
    })
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
  }
  const get = async (path: string) => (await send('GET', path)).text
  const start = async (fields: Record<string, string> = {}) => {
    const answer = await send('POST', '/batches', { workflow: 'score-leads', portalId: 'acme', ...fields })
    expect([answer.status, answer.headers['location']]).toEqual([303, expect.stringMatching(/^\/batches\/\d+$/)])
    return String(answer.headers['location'])
  }
  const shows = async (path: string, what: RegExp | string) =>
    await expect.poll(async () => await get(path), { timeout: 20_000, interval: 100 }).toMatch(what)

  beforeAll(async () => {
    world = await startDashboardWorld(await makeDataFolder(), {
      environment: { CALLSIFT_TIMINGS: JSON.stringify({ batchLookMs: 20, scheduleTickMs: 50 }) },
    })
    const { runOperation } = await import('../../src/ops/operation.ts')
    const { portalFields } = await import('../../src/ops/portal-fields.ts')
    await runOperation(world.app, portalFields, { id: 'acme', create: true }, { actor: 'test', role: 'admin' })
    addLeads(world.sandbox, 'acme', 5)
    addLeads(world.sandbox, 'acme', 1, 'JUNK')
    admin = await world.login('admin', 'olga')
  })
  afterAll(async () => await world.close())

  test('starts a run with the filter as it is written, and shows its report, a row for each lead, and its files', async () => {
    const at = await start({ filter: 'statusId=NEW\r\n', options: 'maxLeads=4' })
    await shows(at, ended)
    const page = await get(at)
    expect(page).toContain('<code>statusId=NEW</code>')
    expect(page.match(/class="score (high|medium|low)"/g)).toHaveLength(4)
    expect(page).toMatch(/<dt>judged<\/dt><dd>4<\/dd>/)
    expect(page).toMatch(/crm\/lead\/details\/\d+/)
    const csv = await send('GET', `${at}/rows.csv`)
    expect(csv.headers['content-disposition']).toContain('attachment')
    const [head, ...rows] = csv.text.trim().split('\r\n')
    expect(head).toMatch(/^\uFEFF?id,state,class,leadId,quality,score,reason,/)
    expect(rows).toHaveLength(4)
    const report = JSON.parse((await send('GET', `${at}/report.json`)).text) as { judged: number; stoppedBy: string }
    expect(report).toMatchObject({ judged: 4, stoppedBy: 'max_leads' })
    expect(await get('/batches')).toContain('4 judged')
    expect(
      (await send('POST', '/batches', { workflow: 'score-leads', portalId: 'acme', filter: 'nonsense' })).status,
    ).toBe(409)
  })

  test('a run rests, goes on and is ended by its buttons; an operator may, a viewer may only look', async () => {
    world.sandbox.addFault({ route: 'chat', kind: 'slow', delayMs: 300 })
    addLeads(world.sandbox, 'acme', 30)
    const at = await start()
    await shows('/batches', /<progress/)
    const viewer = await world.login('viewer', 'ivan')
    const operator = await world.login('operator', 'anna')
    expect((await send('POST', `${at}/pause`, {}, viewer)).status).toBe(403)
    expect((await send('GET', at, {}, viewer)).text).not.toContain('<form method="post"')
    expect((await send('POST', `${at}/pause`, {}, operator)).status).toBe(303)
    expect(await get(at)).toContain('>Paused<')
    expect((await send('POST', `${at}/resume`, {}, operator)).status).toBe(303)
    expect(await get(at)).toContain('>Running<')
    expect((await send('POST', `${at}/cancel`, {}, operator)).status).toBe(303)
    expect(await get(at)).toContain('>Cancelled<')
    expect((await send('POST', '/batches', { workflow: 'score-leads', portalId: 'acme' }, operator)).status).toBe(403)
    world.sandbox.clearFaults()
  })

  test('a schedule is added, changed, run, paused and removed', async () => {
    const fields = {
      name: 'nightly',
      workflow: 'score-leads',
      portalId: 'acme',
      cron: '0 3 * * *',
      timeZone: 'Europe/Moscow',
      filter: 'statusId=JUNK',
    }
    expect((await send('POST', '/schedules', fields)).status).toBe(303)
    expect((await send('POST', '/schedules', { ...fields, name: 'other', cron: 'whenever' })).status).toBe(400)
    const card = async () => /<article[^>]*id="schedule-nightly".*?<\/article>/s.exec(await get('/batches'))?.[0] ?? ''
    expect(await card()).toContain('<code>statusId=JUNK</code>')
    expect(await card()).toMatch(/03:00:00/)
    const change = {
      cron: '30 6 * * 1',
      timeZone: 'UTC',
      filter: '>=createdTime=1970-01-01\nstatusId=JUNK',
      options: '',
    }
    expect((await send('POST', '/schedules/nightly/edit', change)).status).toBe(303)
    expect(await card()).toContain('&gt;=createdTime=1970-01-01')
    expect(await card()).toMatch(/06:30:00/)
    expect((await send('POST', '/schedules/nightly/pause')).status).toBe(303)
    expect(await card()).toContain('>Paused<')
    expect((await send('POST', '/schedules/nightly/resume')).status).toBe(303)
    expect((await send('POST', '/schedules/nightly/run', { key: 'once' })).status).toBe(303)
    expect((await send('POST', '/schedules/nightly/run', { key: 'once' })).status).toBe(303)
    await expect.poll(card).toMatch(/href="\/batches\/\d+"/)
    const at = /href="(\/batches\/\d+)"/.exec(await card())?.[1] ?? ''
    await shows(at, ended)
    expect(await get('/batches')).toContain('schedule nightly, by hand')
    expect((await send('POST', '/schedules/nightly/remove')).status).toBe(303)
    expect(await card()).toBe('')
  })
})
