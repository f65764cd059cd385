import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listAudit } from '../../src/db/audit.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'
import { useRouter } from '../support/use-router.ts'

let http: HttpApp
let keys: { limited: string; open: string }
beforeAll(async () => {
  http = await startHttpApp()
  keys = await useRouter(http.app.db, '=<b>cursor</b>')
})
afterAll(async () => http.close())

const words = (page: { text: string }) =>
  page.text
    .replaceAll(/<svg.*?<\/svg>/gs, ' ')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')

describe('the page of the router', () => {
  test('tells what was used, by day, model, key and provider, in two languages', async () => {
    const admin = await http.visit('admin')
    const page = await http.get('/router?days=30', { ...admin, 'accept-language': 'en' })
    expect(page.status).toBe(200)
    expect(words(page)).toMatch(
      /Requests 9 3 counted by us Tokens 2,700 1,800 in · 900 out Audio, minutes 1\.5 Cost (US)?\$0\.09/,
    )
    expect(page.text).toMatch(/role="img" aria-label="Requests by day: 9"/)
    expect(page.text).toMatch(/role="img" aria-label="Cost by day: (US)?\$0\.09"/)
    expect(page.text.match(/<tr><td><time /g)).toHaveLength(30)
    expect(page.text).toContain('&lt;b&gt;cursor&lt;/b&gt;')
    expect(page.text).not.toContain('<b>cursor')
    // A limit that is nearly used up, in figures.
    expect(words(page)).toMatch(/900 \/ 1,000/)
    expect(words(page)).toMatch(/(US)?\$0\.09 \/ (US)?\$0\.10/)
    const week = await http.get('/router?days=7', { ...admin, 'accept-language': 'ru' })
    expect(words(week)).toMatch(/Запросы 6 /)
    expect(words(week)).toContain('По моделям')
    expect(words(week)).not.toContain('bitrixgpt-5.5')
    expect((await http.get('/router?days=lots', admin)).status).toBe(200)
  })

  test('gives it as CSV that no spreadsheet takes for formulas', async () => {
    const answer = await http.get('/router.csv?days=30', await http.visit('viewer'))
    expect(answer.headers['content-type']).toContain('text/csv')
    const lines = answer.text.trim().split('\r\n')
    expect(lines[0]).toMatch(/^day,key,key_name,provider_key,model,requests,.*,cost,currency$/)
    expect(lines).toHaveLength(4)
    expect(answer.text).toContain(`,${keys.limited},"'=<b>cursor</b>",local,paid/chat,3,1,600,300,0,0.09,USD`)
  })

  test('shows keys to administrators alone, and revokes one with an audit row', async () => {
    const viewer = await http.visit('viewer')
    const seen = await http.get('/router', viewer)
    expect([seen.status, seen.text.includes('/revoke')]).toEqual([200, false])
    expect((await http.post(`/router/keys/${keys.open}/revoke`, '', viewer)).status).toBe(403)
    const admin = await http.visit('admin')
    expect((await http.get('/router', admin)).text).toContain(`/router/keys/${keys.open}/revoke`)
    const other = { cookie: admin['cookie'] ?? '', 'sec-fetch-site': 'cross-site' }
    expect((await http.post(`/router/keys/${keys.open}/revoke`, '', other)).status).toBe(403)
    const done = await http.post(`/router/keys/${keys.open}/revoke`, '', admin)
    expect([done.status, done.headers['location']]).toEqual([303, '/router?did=router-key'])
    const after = await http.get('/router?did=router-key', { ...admin, 'accept-language': 'en' })
    expect(after.text).not.toContain(`/router/keys/${keys.open}/revoke`)
    expect(words(after)).toMatch(/The key is revoked.*Revoked/)
    expect((await http.post(`/router/keys/${keys.open}/revoke`, '', admin)).status).toBe(404)
    const rows = await listAudit(http.app.db, `router key ${keys.open}`)
    expect(rows.at(-1)).toMatchObject({
      actor: 'admin-of-the-test',
      action: 'router.key.revoke',
      detail: { outcome: 'done' },
    })
  })
})
