import type { Database } from '../db/connect.ts'
import { listCredentials, listRouterModels, type RouterCredential, type RouterModel } from '../db/router-credentials.ts'

/** What a tenant has connected. */
export interface Tenant {
  readonly credentials: readonly RouterCredential[]
  readonly models: readonly RouterModel[]
}

export interface Tenants {
  read(tenant: string): Promise<Tenant>
  /** Something of it was changed here; other processes see it within the second. */
  forget(tenant: string): void
}

const trustMs = 1_000

export function createTenants(db: Database, now: () => number): Tenants {
  const remembered = new Map<string, { readonly tenant: Tenant; readonly untilMs: number }>()
  return {
    read: async (name) => {
      const known = remembered.get(name)
      if (known !== undefined && known.untilMs > now()) return known.tenant
      const [credentials, models] = await Promise.all([listCredentials(db, name), listRouterModels(db, name)])
      const tenant = { credentials, models }
      remembered.set(name, { tenant, untilMs: now() + trustMs })
      return tenant
    },
    forget: (name) => void remembered.delete(name),
  }
}
