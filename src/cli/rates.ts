import type { BackfillProgress } from '../../pipelines/backfill.js'

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

/** Speed from a sliding window of progress reports, so that one slow video or a pause does not stay in it. */
export class Rates {
  #seen: BackfillProgress[] = []

  add(now: BackfillProgress): Pace {
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

  #eta(now: BackfillProgress): number | undefined {
    if (!now.listed) return undefined
    const past = this.#since(now.seconds - ETA_SECONDS)
    const worked = handled(now) - handled(past)
    if (worked === 0) return undefined
    return ((now.found - now.skipped - handled(now)) * (now.seconds - past.seconds)) / worked
  }

  /** The last report from before `time`, else the first there is. */
  #since(time: number): BackfillProgress {
    const before = this.#seen.findLast(({ seconds }) => seconds <= time)
    return before ?? (this.#seen[0] as BackfillProgress)
  }

  #forget(time: number): void {
    const keep = this.#seen.findLastIndex(({ seconds }) => seconds <= time)
    if (keep > 0) this.#seen = this.#seen.slice(keep)
  }
}

/** Videos that this run is through with. */
export function handled({ done, failed }: BackfillProgress): number {
  return done + failed
}
