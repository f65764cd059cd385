import { z } from 'zod'
import { Blocked, isStepFailure } from '../errors.ts'
import type { Vibecode } from '../vibecode/client.ts'
import { defineOperation } from './operation.ts'
import { needPortal } from './portals.ts'

export interface Finding {
  readonly scope: string
  readonly ok: boolean
  readonly finding: string
  readonly mend: string | null
  readonly requestId: string | null
}

/** Tells the key's pacing what the key says of itself. */
type LearnRate = (perSecond: number) => Promise<void>

/** What the program asks of the API, one free call for each. A record that is not there was looked for with the right to look. */
const checks: readonly { scope: string; ask(client: Vibecode, learnRate: LearnRate): Promise<string> }[] = [
  {
    scope: 'key',
    ask: async (client, learnRate) => {
      const me = await client.me({ refresh: true })
      if (me.requestsPerSecond !== null) await learnRate(me.requestsPerSecond)
      const until = me.expiresAt === null ? '' : `, good until ${me.expiresAt}`
      return `The key is a ${me.type ?? 'working'} one with the scopes ${me.scopes.join(', ') || '(none named)'}${until}.`
    },
  },
  { scope: 'vibe:ai', ask: async (client) => `${(await client.models()).length} models can be used.` },
  {
    scope: 'crm',
    ask: async (client) => {
      await client.crm.getDeal(1)
      return 'CRM records can be read.'
    },
  },
  {
    scope: 'telephony',
    ask: async (client) => {
      await client.telephony.listCalls({ callId: 'callsift-check' }, { limit: 1 })
      return 'The call statistic can be read.'
    },
  },
  {
    scope: 'disk',
    ask: async (client) => {
      await client.files.get(1)
      return 'Files can be read.'
    },
  },
]

async function check(scope: string, ask: () => Promise<string>): Promise<Finding> {
  try {
    return { scope, ok: true, finding: await ask(), mend: null, requestId: null }
  } catch (error) {
    if (!isStepFailure(error)) throw error
    const requestId = error.requestId ?? null
    if (error.httpStatus === 404 && scope !== 'key' && scope !== 'vibe:ai') {
      return {
        scope,
        ok: true,
        finding: 'The right is there (the record asked for does not exist).',
        mend: null,
        requestId,
      }
    }
    const closed = error instanceof Blocked ? `The gate ${error.gate} is closed: ` : ''
    return { scope, ok: false, finding: `${closed}${error.message}`, mend: error.hint ?? null, requestId }
  }
}

export const portalCheck = defineOperation({
  name: 'portal.check',
  role: 'operator',
  summary: 'Tests with free calls whether the key of a portal may do all that is needed.',
  input: z.strictObject({ id: z.string().min(1).max(200) }),
  run: async (app, input) => {
    const portal = await needPortal(app, input.id)
    const client = app.clientFor(portal)
    const findings: Finding[] = []
    const learnRate: LearnRate = (perSecond) => app.gates.learnRate(portal.keyId, { perSecond })
    for (const one of checks) findings.push(await check(one.scope, () => one.ask(client, learnRate)))
    return { portal: portal.id, ok: findings.every((finding) => finding.ok), findings }
  },
})
