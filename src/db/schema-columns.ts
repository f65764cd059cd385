import type { ColumnType, Generated } from 'kysely'

export type Stamp = ColumnType<Date, Date | string | undefined, Date | string>
export type StampOrNull = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
export type Json = ColumnType<unknown, string | null | undefined, string | null>
export type Id = Generated<string>
