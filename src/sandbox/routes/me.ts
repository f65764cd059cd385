import { ok } from '../reply.ts'
import type { Route } from '../world.ts'

export const meRoutes: readonly Route[] = [
  {
    name: 'me',
    method: 'GET',
    path: '/me',
    family: 'platform',
    run: ({ world, portal, key }) =>
      ok({
        id: `sandbox-${portal.name}`,
        type: 'personal',
        sandbox: true,
        portal: { domain: portal.domain, name: `SANDBOX ${portal.name}`, memberId: portal.memberId },
        owner: { id: 1, name: 'SANDBOX' },
        scopes: [...key.scopes],
        accessMode: key.readOnly ? 'READONLY' : 'READWRITE',
        expiresAt: null,
        api: { entityApi: true, botApi: key.scopes.has('imbot'), batch: true },
        rateLimit: { requestsPerSecond: world.limits.perSecond, requestsPerMinute: world.limits.perMinute },
        ...(key.scopes.has('vibe:ai') ? { ai: { enabled: true, balance: portal.balance, currency: 'Ꝟ' } } : {}),
        capabilities: [],
        trial: null,
      }),
  },
]
