import { z } from 'zod'
import { envelope, inEitherCase, optionalText } from './values.ts'

const portal = z
  .union([
    z.string().transform((domain) => ({ domain: domain as string | null, memberId: null as string | null })),
    inEitherCase(z.object({ domain: optionalText, url: optionalText, memberId: optionalText })).transform((known) => ({
      domain: known.domain ?? known.url,
      memberId: known.memberId,
    })),
  ])
  .nullish()
  .catch(null)

/** `GET /v1/me`: what the key is and may do. */
export const me = inEitherCase(
  z.object({
    /** personal, oauth_app or management. */
    type: optionalText,
    portal,
    scopes: z.array(z.string()).catch([]),
    rateLimit: z.object({ requestsPerSecond: z.number().positive() }).nullish().catch(null),
    expiresAt: optionalText,
    ai: z.unknown().optional(),
    trial: z.unknown().optional(),
    capabilities: z.unknown().optional(),
  }),
).transform((account) => ({
  type: account.type,
  portal: account.portal ?? null,
  scopes: account.scopes,
  requestsPerSecond: account.rateLimit?.requestsPerSecond ?? null,
  expiresAt: account.expiresAt,
}))
export const meResponse = envelope(me)
export type Me = z.infer<typeof me>

const model = z.looseObject({ id: z.string().min(1) })

/** `GET /v1/models`: OpenAI's list; models out of shape are left out. */
export const modelsResponse = z
  .object({ data: z.array(z.unknown()) })
  .transform(({ data }) =>
    data.map((item) => model.safeParse(item)).flatMap((read) => (read.success ? [read.data] : [])),
  )
export type Model = z.infer<typeof model>
