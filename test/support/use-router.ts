import { randomBytes } from 'node:crypto'
import type { Database } from '../../src/db/connect.ts'
import { createRouterKey } from '../../src/db/router-keys.ts'
import { addRouterUsage } from '../../src/db/router-usage.ts'

const today = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)

/** Two keys of the router, one with limits that are nearly spent, and what they used today and some days ago. */
export async function useRouter(db: Database, name = 'cursor'): Promise<{ limited: string; open: string }> {
  const make = async (wanted: { name: string; tokensPerDay: number | null; budgetMicros: number | null }) => {
    const common = { tenant: 'default', kind: 'api', scopes: ['vibe:ai'], perSecond: null, expiresAt: null } as const
    // Nobody asks with these: any digest will do.
    return await createRouterKey(db, () => randomBytes(16).toString('hex'), { ...common, ...wanted })
  }
  const { id: limited } = await make({ name, tokensPerDay: 1_000, budgetMicros: 100_000 })
  const { id: open } = await make({ name: 'team', tokensPerDay: null, budgetMicros: null })
  const use = { requests: 3, estimated: 1, promptTokens: 600, completionTokens: 300, audioMs: 0, costMicros: 90_000 }
  await addRouterUsage(db, [
    { day: today(0), keyId: limited, credentialId: 'local', model: 'paid/chat', ...use },
    {
      day: today(0),
      keyId: open,
      credentialId: 'local',
      model: 'bitrix/whisper',
      ...use,
      audioMs: 90_000,
      costMicros: 0,
    },
    { day: today(20), keyId: open, credentialId: 'local', model: 'bitrix/bitrixgpt-5.5', ...use, costMicros: 0 },
  ])
  return { limited, open }
}
