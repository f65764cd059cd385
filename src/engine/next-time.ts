import { CronExpressionParser } from 'cron-parser'

/**
 * The first moment after `after` that the expression names on the clocks of `timeZone` (IANA). Five fields: minute, hour, day of month,
 * month, day of week. Of an hour that a clock leaves out the next one counts; of an hour that it has twice, the first. Throws on a mistake.
 */
export function nextTime(cron: string, timeZone: string, after: Date): Date {
  if (cron.trim().split(/\s+/).length !== 5 || cron.includes('@'))
    throw new Error('must be five fields: minute, hour, day of month, month, day of week')
  return CronExpressionParser.parse(cron, { tz: timeZone, currentDate: after }).next().toDate()
}
