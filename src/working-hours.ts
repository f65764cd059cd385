/** Days and hours in which calls are expected. */
export interface WorkingHours {
  /** 0 = Sunday, as `Date` counts. */
  readonly days: ReadonlySet<number>
  readonly fromHour: number
  /** Not included. */
  readonly toHour: number
}

const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const hourMs = 3_600_000
const stepMs = hourMs / 4
/** Looked back no further: a portal silent for two months is silent. */
const farthestMs = 60 * 24 * hourMs

/** Reads `Mon-Fri 9-18` or `Mon-Sat 08-20`; null where it is neither days nor hours. */
export function readWorkingHours(text: string): WorkingHours | null {
  const read = /^([a-z]{3})(?:-([a-z]{3}))?\s+(\d{1,2})-(\d{1,2})$/i.exec(text.trim())
  const first = names.indexOf(read?.[1]?.toLowerCase() ?? '')
  const last = names.indexOf((read?.[2] ?? read?.[1])?.toLowerCase() ?? '')
  const [fromHour, toHour] = [Number(read?.[3]), Number(read?.[4])]
  if (read === null || first < 0 || last < 0 || fromHour >= toHour || toHour > 24) return null
  const days = new Set<number>()
  for (let day = first; ; day = (day + 1) % 7) {
    days.add(day)
    if (day === last) return { days, fromHour, toHour }
  }
}

/**
 * How much of the time between two moments (ms since 1970) lies in working hours, in ms, to a quarter of an hour; all of it where none
 * are set. Counting ends at `enoughMs`.
 */
export function workingMsBetween(
  from: number,
  to: number,
  hours: WorkingHours | null,
  timeZone: string,
  enoughMs: number,
): number {
  if (hours === null) return Math.max(0, to - from)
  const clock = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: 'numeric', hourCycle: 'h23' })
  let counted = 0
  for (let at = to; at > from && at > to - farthestMs && counted < enoughMs; at -= stepMs) {
    const parts = clock.formatToParts(at - 1)
    const read = (type: string) => parts.find((part) => part.type === type)?.value ?? ''
    const hour = Number(read('hour'))
    const isWorking =
      hours.days.has(names.indexOf(read('weekday').toLowerCase())) && hour >= hours.fromHour && hour < hours.toHour
    if (isWorking) counted += Math.min(stepMs, at - from)
  }
  return counted
}
