import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** A provider's key that a tenant has connected. The key is sealed, bound to tenant, credential and address. */
export interface RouterCredential {
  readonly id: string
  readonly tenant: string
  readonly provider: string
  readonly label: string
  readonly baseUrl: string
  readonly keySealed: string | null
  readonly last4: string
  readonly state: 'valid' | 'invalid'
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface RouterModel {
  readonly id: string
  readonly credentialId: string
  readonly model: string
  readonly kind: 'chat' | 'transcription'
  readonly contextLength: number | null
  /** Millionths for a million tokens, or for a minute of audio. */
  readonly inputMicros: number
  readonly outputMicros: number
  readonly minuteMicros: number
}

/** What a sealed key is bound to: pasted into another row, or with another address beside it, it does not open. */
export function sealedFor(credential: Pick<RouterCredential, 'tenant' | 'id' | 'baseUrl'>): string {
  return `${credential.tenant} ${credential.id} ${credential.baseUrl}`
}

const facts = sql`id::text, tenant, provider, label, base_url as "baseUrl", key_sealed as "keySealed", last4, state,
  created_at as "createdAt", updated_at as "updatedAt"`

export async function listCredentials(db: Queryable, tenant: string): Promise<RouterCredential[]> {
  return (
    await sql<RouterCredential>`select ${facts} from callsift.router_credentials where tenant = ${tenant}
    order by created_at, id`.execute(db)
  ).rows
}

/** What people call them, of all tenants. */
export async function listCredentialLabels(db: Queryable): Promise<{ id: string; label: string }[]> {
  return (await sql<{ id: string; label: string }>`select id::text, label from callsift.router_credentials`.execute(db))
    .rows
}

/** False where the tenant has one for this provider (and address) already. */
export async function insertCredential(
  db: Queryable,
  row: Omit<RouterCredential, 'createdAt' | 'updatedAt' | 'state'>,
): Promise<boolean> {
  const made =
    await sql`insert into callsift.router_credentials (id, tenant, provider, label, base_url, key_sealed, last4)
    values (${row.id}::uuid, ${row.tenant}, ${row.provider}, ${row.label}, ${row.baseUrl}, ${row.keySealed}, ${row.last4})
    on conflict (tenant, provider, base_url) do nothing returning id`.execute(db)
  return made.rows.length > 0
}

/** `taken` where another credential stands at the new address. */
export async function updateCredential(
  db: Queryable,
  row: Pick<RouterCredential, 'id' | 'tenant' | 'label' | 'baseUrl' | 'keySealed' | 'last4' | 'state'>,
): Promise<'updated' | 'taken'> {
  const changed = await sql`update callsift.router_credentials c set label = ${row.label}, base_url = ${row.baseUrl},
      key_sealed = ${row.keySealed}, last4 = ${row.last4}, state = ${row.state}, updated_at = now()
    where id = ${row.id}::uuid and tenant = ${row.tenant} and not exists (select 1 from callsift.router_credentials o
      where o.tenant = c.tenant and o.provider = c.provider and o.base_url = ${row.baseUrl} and o.id <> c.id)
    returning id`.execute(db)
  return changed.rows.length > 0 ? 'updated' : 'taken'
}

export async function setCredentialState(db: Queryable, id: string, state: 'valid' | 'invalid'): Promise<void> {
  await sql`update callsift.router_credentials set state = ${state} where id = ${id}::uuid and state <> ${state}`.execute(
    db,
  )
}

export async function deleteCredential(db: Queryable, tenant: string, id: string): Promise<boolean> {
  const gone =
    await sql`delete from callsift.router_credentials where id = ${id}::uuid and tenant = ${tenant} returning id`.execute(
      db,
    )
  return gone.rows.length > 0
}

const modelFacts = sql`m.id::text, m.credential_id::text as "credentialId", m.model, m.kind, m.context_length as "contextLength",
  m.input_micros::float8 as "inputMicros", m.output_micros::float8 as "outputMicros", m.minute_micros::float8 as "minuteMicros"`

/** Of all the tenant's credentials. */
export async function listRouterModels(db: Queryable, tenant: string): Promise<RouterModel[]> {
  return (
    await sql<RouterModel>`select ${modelFacts} from callsift.router_models m
    join callsift.router_credentials c on c.id = m.credential_id where c.tenant = ${tenant} order by m.created_at, m.id`.execute(
      db,
    )
  ).rows
}

/** Returns how many were not there before. */
export async function insertRouterModels(db: Queryable, rows: readonly RouterModel[]): Promise<number> {
  if (rows.length === 0) return 0
  const made = await sql`insert into callsift.router_models
      (id, credential_id, model, kind, context_length, input_micros, output_micros, minute_micros)
    select id, "credentialId", model, kind, "contextLength", "inputMicros", "outputMicros", "minuteMicros"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as t (id uuid, "credentialId" uuid, model text, kind text,
      "contextLength" integer, "inputMicros" bigint, "outputMicros" bigint, "minuteMicros" bigint)
    on conflict (credential_id, model) do nothing returning id`.execute(db)
  return made.rows.length
}

export async function deleteRouterModel(db: Queryable, credentialId: string, id: string): Promise<boolean> {
  const gone = await sql`delete from callsift.router_models
    where id = ${id}::uuid and credential_id = ${credentialId}::uuid returning id`.execute(db)
  return gone.rows.length > 0
}
