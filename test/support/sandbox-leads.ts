import { judge } from '../../src/sandbox/judge.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'

const comments = [
  'We need 50 seats, the budget is approved, please send the contract by Friday.',
  'Just looking around, nothing will be decided this year.',
  'Нужно двадцать мест до конца месяца, выставите счёт.',
  'Our company asks about the prices of thirty seats.',
]

/** Puts leads into a sandbox's portal, as if people had written them. Returns their ids. */
export function addLeads(sandbox: Sandbox, portalName: string, count: number, statusId = 'NEW'): number[] {
  const portal = sandbox.world.portal(portalName)
  return Array.from({ length: count }, (_, n) => {
    const id = portal.nextId()
    const at = new Date(0).toISOString()
    portal.entities.leads.set(id, {
      id,
      title: `Lead ${n}`,
      statusId,
      name: 'Ivan',
      comments: comments[n % comments.length] ?? '',
      createdTime: at,
      updatedTime: at,
    })
    return id
  })
}

/** What the sandbox's model makes of a lead as it stands: the values that must stand in its fields. */
export function expectedScore(sandbox: Sandbox, portalName: string, id: number) {
  const lead = sandbox.world.portal(portalName).entities.leads.get(id)
  const { quality, score } = judge(
    `title: ${String(lead?.['title'])}\nstatusId: ${String(lead?.['statusId'])}\ncomments: ${String(lead?.['comments'])}`,
  )
  return { UF_CRM_AI_SCORE: score, UF_CRM_AI_QUALITY: quality }
}
