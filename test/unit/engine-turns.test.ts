import { expect, it } from 'vitest'
import { type Candidate, pick, type Turns } from '../../src/engine/dispatch.ts'

const windows = { ai: 2, crm: 4, portal: 4, none: 8 }

/** One place falls free at a time; says which portal got it, pass after pass. */
function serve(portals: readonly string[], backlog: number, passes: number): string[] {
  const turns: Turns = new Map()
  const waiting = new Map(portals.map((id) => [id, backlog]))
  const flying: string[] = []
  const order: string[] = []
  for (let pass = 0; pass < passes; pass += 1) {
    if (flying.length >= windows.ai) flying.shift()
    const candidates = portals.flatMap((id) =>
      Array.from(
        { length: Math.min(waiting.get(id) ?? 0, windows.ai) },
        (_, n): Candidate => ({ id: `${id} ${n}`, portal_id: id, key_id: 'shared', family: 'ai', priority: 0 }),
      ),
    )
    const counts = [...new Set(flying)].map((id) => ({
      portal_id: id,
      key_id: 'shared',
      family: 'ai' as const,
      count: flying.filter((one) => one === id).length,
    }))
    for (const id of pick(candidates, counts, windows, turns)) {
      const [portal = ''] = id.split(' ')
      waiting.set(portal, (waiting.get(portal) ?? 0) - 1)
      flying.push(portal)
      order.push(portal)
    }
  }
  return order
}

it('goes round where more portals wait than there are places, one place at a time', () => {
  const order = serve(['a', 'b', 'c', 'd', 'e'], 1_000, 50)
  for (let from = 0; from + 5 <= order.length; from += 5) {
    expect(new Set(order.slice(from, from + 5)).size).toBe(5)
  }
})

it('takes live work of any portal before batches of all', () => {
  const of = (id: string, portal: string, priority: number): Candidate => ({
    id,
    portal_id: portal,
    key_id: portal,
    family: 'crm',
    priority,
  })
  const candidates = [of('b1', 'p1', 20), of('b2', 'p1', 20), of('live', 'p2', 0), of('old', 'p1', 10)]
  expect(pick(candidates, [], windows, new Map())).toEqual(['live', 'old', 'b1', 'b2'])
})
