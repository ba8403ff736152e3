import { z } from 'zod'

const DAYS: readonly string[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const DAY_MINUTES = 24 * 60
const LINE =
  /^(?:([a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*)\s*)?(?:(\d\d?):(\d\d)-(\d\d?):(\d\d))?$/

/** Minutes of the day from which, and to which; past midnight where `to` is not after `from`. */
export interface Span {
  readonly days: readonly number[]
  readonly from: number
  readonly to: number
}

/** `"mon-fri 18:00-06:00"`, `"sat,sun"`, `"22:00-6:00"`: one or a list; a time past midnight belongs to the day it began. */
export const schedule = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((given) => (typeof given === 'string' ? [given] : given))
  .transform((lines, context) =>
    lines.map((line) => {
      const span = parse(line.trim().toLowerCase())
      if (span === undefined) {
        context.addIssue(
          `"${line}" is no time of the week, such as "mon-fri 18:00-06:00", "sat,sun" or "22:00-06:00"`,
        )
        return z.NEVER
      }
      return span
    }),
  )

export type Schedule = z.output<typeof schedule>

export const timezone = z.string().refine(
  (name) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
    } catch {
      return false
    }
  },
  { error: 'must be a time zone such as Europe/Berlin' },
)

/** Whether a moment is in the schedule. `zone` absent: the machine's own. */
export function inSchedule(spans: Schedule, zone?: string): (unixSeconds: number) => boolean {
  const clock = new Intl.DateTimeFormat('en-GB', {
    ...{ weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    ...(zone !== undefined && { timeZone: zone }),
  })
  return (unixSeconds) => {
    const parts = Object.fromEntries(
      clock.formatToParts(unixSeconds * 1000).map(({ type, value }) => [type, value]),
    )
    const day = DAYS.indexOf(parts.weekday?.toLowerCase().slice(0, 3) ?? '')
    const minute = Number(parts.hour) * 60 + Number(parts.minute)
    return spans.some(({ days, from, to }) => {
      if (from < to) return days.includes(day) && minute >= from && minute < to
      const yesterday = (day + 6) % 7
      return (days.includes(day) && minute >= from) || (days.includes(yesterday) && minute < to)
    })
  }
}

function parse(line: string): Span | undefined {
  const [whole, days, ...times] = LINE.exec(line) ?? []
  if (whole === undefined || whole === '') return undefined
  const on = days === undefined ? DAYS.map((_, day) => day) : days.split(',').flatMap(daysOf)
  if (on.includes(-1)) return undefined
  if (times[0] === undefined) return { days: on, from: 0, to: DAY_MINUTES }
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = times.map(Number)
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute]
  if (fromMinute > 59 || toMinute > 59 || from >= DAY_MINUTES || to > DAY_MINUTES) return undefined
  return { days: on, from, to }
}

/** `fri-mon` goes over the weekend; an unknown day is -1. */
function daysOf(range: string): readonly number[] {
  const [first = -1, last = first] = range.split('-').map((name) => DAYS.indexOf(name))
  if (first < 0 || last < 0) return [-1]
  return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, n) => (first + n) % 7)
}
