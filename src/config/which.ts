import { z } from 'zod'
import type { Kind } from './kinds.js'

const AGO = /^(\d+(?:\.\d+)?)\s*(m|h|d|w)$/
const SECONDS_IN = { m: 60, h: 3600, d: 86_400, w: 604_800 }
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/

/** A moment: a date, or how long ago. */
export function since() {
  return {
    schema: z
      .string()
      .trim()
      .refine((value) => !Number.isNaN(sinceMs(value, 0))),
    expects: 'a date such as 2026-11-24 or 2026-11-24T18:00Z, or how long ago, such as 36h or 7d',
    placeholder: 'date|time',
    show: String,
  } satisfies Kind<z.ZodType<string>>
}

/** What `since` means, in milliseconds since 1970; NaN where it is neither. A date alone begins at midnight, UTC. */
export function sinceMs(value: string, nowMs: number): number {
  const [, amount, unit] = AGO.exec(value) ?? []
  if (amount !== undefined) return nowMs - Number(amount) * SECONDS_IN[unit as keyof typeof SECONDS_IN] * 1000
  return DATE.test(value) ? Date.parse(value) : Number.NaN
}

/** `i/n`, i from 0. */
export function shard() {
  const parts = (value: string) => /^(\d{1,4})\/(\d{1,4})$/.exec(value)?.slice(1).map(Number) ?? []
  return {
    schema: z
      .string()
      .trim()
      .refine((value) => {
        const [index = 1, of = 0] = parts(value)
        return index < of
      }),
    expects: 'i/n with i from 0 to n-1, such as 0/8 to 7/8',
    placeholder: 'i/n',
    show: String,
  } satisfies Kind<z.ZodType<string>>
}
