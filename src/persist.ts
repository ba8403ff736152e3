import { setTimeout as sleep } from 'node:timers/promises'
import { asStanflowError, type ErrorCode, type StanflowError } from './errors.js'

const FIRST_MS = 200
const MOST_MS = 15_000

/** Asked when a step failed, for the `tries`th time, counted from 0: true, after a pause, where it is to be tried again. */
export type Again = (error: StanflowError, tries: number) => Promise<boolean>

/** Nothing is tried twice. */
export const NEVER: Again = async () => false

export interface Patience {
  /** What passes by itself; default: anything may. */
  readonly passing?: readonly ErrorCode[]
  /** Aborting ends the waiting: what went wrong last is thrown. */
  readonly signal: AbortSignal
  /** Whether it was tried often enough; default: never. */
  readonly enough?: (tries: number) => boolean
  /** Told before each pause, and how long that is in milliseconds. */
  readonly onWait?: (error: StanflowError, milliseconds: number) => void
  /** Milliseconds to wait at least after this error, though no longer than `most`: whoever failed asked for it. */
  readonly least?: (error: StanflowError) => number
  /** Milliseconds; pauses grow from the first to the longest, with jitter. Default 200 and 15 000. */
  readonly first?: number
  readonly most?: number
}

let observe: (code: ErrorCode) => void = () => undefined

/** Tells one observer, the process's metrics, of every wait there is from now on. */
export function observeWaits(observer: (code: ErrorCode) => void): void {
  observe = observer
}

/** Waits while what is wrong may pass. */
export function patience(options: Patience): Again {
  const { passing, signal, enough, onWait, least, first = FIRST_MS, most = MOST_MS } = options
  return async (error, tries) => {
    if (passing?.includes(error.code) === false || signal.aborted || enough?.(tries) === true) return false
    const wait = Math.max(pauseMs(tries, first, most), Math.min(least?.(error) ?? 0, most))
    onWait?.(error, wait)
    observe(error.code)
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    return !signal.aborted
  }
}

/** Milliseconds to wait after so many tries, counted from 0: they double, with jitter, so that not all come back at once. */
export function pauseMs(tries: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** Math.min(tries, 20)) * (0.5 + Math.random())
}

/** Does a step until it succeeds. @throws StanflowError what the last try threw, once it is not to be tried again */
export async function persist<T>(step: () => Promise<T>, again: Again): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await step()
    } catch (thrown) {
      const error = asStanflowError(thrown)
      if (!(await again(error, tries))) throw error
    }
  }
}
