import { isIP } from 'node:net'
import { z } from 'zod'

/** What values of the environment are made of, read from text. */

/** An amount of money in millionths, so that sums stay exact: `0.6` is 600000. */
export const price = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be an amount such as 0.6, six digits after the point at most')
  .transform((text) => Math.round(Number(text) * 1_000_000))

export const flag = z
  .enum(['1', '0', 'true', 'false', 'on', 'off', 'yes', 'no'])
  .transform((word) => ['1', 'true', 'on', 'yes'].includes(word))

export const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' })
    return z.NEVER
  }
})

export const hostList = z
  .string()
  .default('')
  .transform((list) =>
    list
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean),
  )

export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return longest > 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest))
}

/** What begins by itself, as `callsift schedule add` takes it; names are unique. */
export const schedules = json
  .pipe(
    z.array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, 'must be a-z, 0-9 and "-"'),
        workflow: z.string().min(1).max(60),
        /** May be left out where there is one portal. */
        portal: z.string().min(1).max(200).optional(),
        cron: z.string().min(1).max(100),
        /** The portal's own where it is left out, else UTC. */
        timeZone: z.string().min(1).max(60).optional(),
        input: z.record(z.string(), z.unknown()).default({}),
      }),
    ),
  )
  .refine((list) => new Set(list.map((one) => one.name)).size === list.length, 'names a schedule twice')
export type EnvSchedule = z.output<typeof schedules>[number]
