import type { BackfillProgress } from '../../pipelines/backfill.js'
import { formatDuration, formatRate } from './format.js'

const RATE_SECONDS = 10
const ETA_SECONDS = 120

/** How fast a run goes now, and what is left of it. */
export interface Pace {
  /** Over the last ten seconds. */
  readonly clipsPerSecond: number
  readonly framesPerSecond: number
  /** Seconds; absent while videos are still being listed or none is done. */
  readonly eta?: number
}

/** What speed and the rest are told from. */
type Counted = Pick<
  BackfillProgress,
  'found' | 'listed' | 'skipped' | 'done' | 'failed' | 'clips' | 'frames' | 'seconds'
>

/** Speed from a sliding window of progress reports, so that one slow video or a pause does not stay in it. */
export class Rates {
  #seen: Counted[] = []

  add(now: Counted): Pace {
    this.#seen.push(now)
    const recent = this.#since(now.seconds - RATE_SECONDS)
    const span = now.seconds - recent.seconds
    const perSecond = (count: number) => (span > 0 ? count / span : 0)
    const eta = this.#eta(now)
    this.#forget(now.seconds - ETA_SECONDS)
    return {
      clipsPerSecond: perSecond(now.clips - recent.clips),
      framesPerSecond: perSecond(now.frames - recent.frames),
      ...(eta !== undefined && { eta }),
    }
  }

  #eta(now: Counted): number | undefined {
    if (!now.listed) return undefined
    const past = this.#since(now.seconds - ETA_SECONDS)
    const worked = handled(now) - handled(past)
    if (worked === 0) return undefined
    return ((now.found - now.skipped - handled(now)) * (now.seconds - past.seconds)) / worked
  }

  /** The last report from before `time`, else the first there is. */
  #since(time: number): Counted {
    const before = this.#seen.findLast(({ seconds }) => seconds <= time)
    return before ?? (this.#seen[0] as Counted)
  }

  #forget(time: number): void {
    const keep = this.#seen.findLastIndex(({ seconds }) => seconds <= time)
    if (keep > 0) this.#seen = this.#seen.slice(keep)
  }
}

/** Videos that this run is through with. */
export function handled({ done, failed }: Pick<BackfillProgress, 'done' | 'failed'>): number {
  return done + failed
}

/** The same of work that has one number: `12.3 clips/s  ETA 2m05s`. */
export class CountRate {
  readonly #rates = new Rates()
  readonly #unit: string

  constructor(unit: string) {
    this.#unit = unit
  }

  /** `seconds` on any clock. What was done before the first call is of an earlier run. */
  tell(done: number, of: number, seconds = performance.now() / 1000): string {
    const counted = { found: of, listed: true, skipped: 0, done, failed: 0, clips: done, frames: 0, seconds }
    const { clipsPerSecond, eta } = this.#rates.add(counted)
    if (eta === undefined) return 'ETA …'
    return `${formatRate(clipsPerSecond)} ${this.#unit}/s  ETA ${formatDuration(Math.ceil(eta))}`
  }
}
