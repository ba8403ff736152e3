export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
  /** Of one event at one receiver. */
  readonly tries: number
  /** Where the receiver will not have the event. */
  readonly refusedTries: number
}

export const BACKOFF: Omit<Backoff, 'tries'> = { firstMs: 1000, longestMs: 600_000, refusedTries: 3 }

/** How long to wait after so many tries: twice as long each time, by a random half of it less, so that nobody keeps step. */
export function waitAfter(
  tries: number,
  { firstMs, longestMs }: Backoff,
  asked = 0,
  random = Math.random(),
): number {
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(30, tries - 1))
  return Math.max(most * (0.5 + random / 2), Math.min(asked, longestMs))
}
