import { z } from 'zod'

const reserved = /^[<>=!%@]*id$/i

/** As the API takes filters: `{"statusId":"NEW"}`, `{">=createdTime":"2026-10-01"}`. */
export const RecordFilter = z
  .record(
    z.string().regex(/^(>=|<=|!=|>|<|!|%|=|@)?[A-Za-z]\w{0,60}$/, 'must be a field name'),
    z.union([z.string().max(1_000), z.number()]),
  )
  .refine((filter) => !Object.keys(filter).some((name) => reserved.test(name)), 'id is what pages go by')
  .default({})
