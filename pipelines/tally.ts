import type { DeadLetter } from '../src/connect/store.js'

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
  readonly seconds: number
}

/** Counts what a run has come to. */
export class Tally {
  readonly deadLetters: DeadLetter[] = []
  #found = 0
  #listed = false
  #skipped = 0
  #done = 0
  #clips = 0
  #frames = 0

  found(): void {
    this.#found++
  }

  listed(): void {
    this.#listed = true
  }

  skipped(): void {
    this.#skipped++
  }

  done(): void {
    this.#done++
  }

  failed(letter: DeadLetter): void {
    this.deadLetters.push(letter)
  }

  stored(clips: number, frames: number): void {
    this.#clips += clips
    this.#frames += frames
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
      seconds: (performance.now() - started) / 1000,
    }
  }
}
