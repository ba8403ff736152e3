import { InvalidArgumentError } from 'commander'
import { sinceMs } from '../config/which.js'

/** A time as a person gives it: of day, in seconds since 1970, or in a video, in seconds from its first frame. */
export interface GivenTime {
  readonly seconds: number
  readonly ofDay: boolean
}

const CLOCK = /^(?:(\d+):)?(\d{1,3}):(\d\d(?:\.\d+)?)$/
const SECONDS = /^(\d+(?:\.\d+)?)s?$/
const DATE = /^\d{4}-\d\d-\d\d/

/** `2026-11-24`, `2026-11-24T18:00`, `2h` ago; or `1:30`, `90`, `90s` into a video. Dates without a zone are local. */
export function parseTime(text: string, nowMs = Date.now()): GivenTime {
  const [, hours = '0', minutes, rest] = CLOCK.exec(text) ?? []
  if (minutes !== undefined) {
    return { seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(rest), ofDay: false }
  }
  const [, seconds] = SECONDS.exec(text) ?? []
  if (seconds !== undefined) return { seconds: Number(seconds), ofDay: false }
  const ms = DATE.test(text)
    ? new Date(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')).getTime()
    : sinceMs(text, nowMs)
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError(
      'It must be a date such as 2026-11-24 or 2026-11-24T18:00, how long ago (2h, 7d), or a time in a video (1:30, 90s).',
    )
  }
  return { seconds: ms / 1000, ofDay: true }
}

/** `1:05`, `1:02:03`, `0:04.5` with `digits` 1. */
export function clock(seconds: number, digits = 0): string {
  const whole = Math.max(0, Number(seconds.toFixed(digits)))
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const rest = (whole % 60).toFixed(digits).padStart(digits === 0 ? 2 : 3 + digits, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

/** `2026-11-25 16:03:07`, in this machine's time zone. */
export function localTime(seconds: number): string {
  const at = new Date(seconds * 1000)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

const SECONDS_IN = { m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `30d` as seconds. */
export function age(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([mhdw])$/.exec(text) ?? []
  if (amount === undefined) throw new InvalidArgumentError('It must be a length of time, such as 12h or 30d.')
  return Number(amount) * SECONDS_IN[unit as keyof typeof SECONDS_IN]
}

export function secondsOf(text: string): number {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('It must be a number of seconds.')
  return Number(text)
}
