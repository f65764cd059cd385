import type { Database } from '../db/connect.ts'
import { listCredentials, listRouterModels, type RouterCredential, type RouterModel } from '../db/router-credentials.ts'
import { createMemory } from './memory.ts'

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

export function createTenants(db: Database, now: () => number): Tenants {
  const look = async (name: string): Promise<Tenant> => {
    const [credentials, models] = await Promise.all([listCredentials(db, name), listRouterModels(db, name)])
    return { credentials, models }
  }
  return createMemory(look, { trustMs: 1_000, most: 10_000, now })
}
