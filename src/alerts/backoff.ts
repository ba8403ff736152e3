import type { StanflowError } from '../errors.js'
import { type Again, patience } from '../persist.js'
import type { Undelivered } from './post.js'

export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
  /** Of one event at one receiver. */
  readonly tries: number
  /** Where the receiver will not have the event. */
  readonly refusedTries: number
}

export const BACKOFF: Omit<Backoff, 'tries'> = { firstMs: 1000, longestMs: 600_000, refusedTries: 3 }

export interface Redelivery extends Backoff {
  /** How the last try went. */
  readonly last: () => Undelivered
  readonly signal: AbortSignal
  readonly onWait: (error: StanflowError, milliseconds: number) => void
}

/** Tries an event again, ever later, and as late as the receiver asks: so often and no more. */
export function redelivery({ last, signal, onWait, ...backoff }: Redelivery): Again {
  const { firstMs, longestMs, tries, refusedTries } = backoff
  return patience({
    ...{ passing: ['WEBHOOK_FAILED'], signal, onWait, first: firstMs, most: longestMs },
    enough: (before) => before + 1 >= (last().refused ? Math.min(refusedTries, tries) : tries),
    least: () => last().waitMs ?? 0,
  })
}
