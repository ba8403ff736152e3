import type { DeadLetter } from '../src/connect/store.js'
import type { Metrics } from '../src/telemetry/metrics.js'

/** Where a run stands; reported several times a second. */
export interface BackfillProgress {
  /** Videos found so far; `listed` once the inputs have all been walked. */
  readonly found: number
  readonly listed: boolean
  readonly skipped: number
  readonly done: number
  readonly failed: number
  readonly clips: number
  readonly frames: number
  /** Bytes of videos that came over the network. */
  readonly fetchedBytes: number
  readonly seconds: number
}

/** Counts what a run has come to, for those who look at it and for `metrics`. */
export class Tally {
  readonly deadLetters: DeadLetter[] = []
  readonly #metrics: Metrics | undefined
  #counted = 0
  #walked = 0
  #listed = false
  #skipped = 0
  #done = 0
  #clips = 0
  #frames = 0
  #fetched = 0

  constructor(metrics?: Metrics) {
    this.#metrics = metrics
    metrics?.found(() => this.#found)
  }

  /** An input is there: the count runs ahead of the work, so that progress knows how much is left. */
  counted(): void {
    this.#counted++
  }

  /** The work has come to an input. */
  found(): void {
    this.#walked++
  }

  listed(): void {
    this.#listed = true
  }

  skipped(): void {
    this.#skipped++
    this.#metrics?.video('skipped')
  }

  done(): void {
    this.#done++
    this.#metrics?.video('done')
  }

  failed(letter: DeadLetter): void {
    this.deadLetters.push(letter)
    this.#metrics?.video('failed')
    this.#metrics?.deadLetter(letter.code)
  }

  stored(clips: number, frames: number): void {
    this.#clips += clips
    this.#frames += frames
  }

  readonly fetched = (bytes: number): void => {
    this.#fetched += bytes
  }

  /** `started`: the value of `performance.now()` then. */
  progress(started: number): BackfillProgress {
    return {
      found: this.#found,
      listed: this.#listed,
      skipped: this.#skipped,
      done: this.#done,
      failed: this.deadLetters.length,
      clips: this.#clips,
      frames: this.#frames,
      fetchedBytes: this.#fetched,
      seconds: (performance.now() - started) / 1000,
    }
  }

  get #found(): number {
    return Math.max(this.#counted, this.#walked)
  }
}
