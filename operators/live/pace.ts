/** How many clips go together: as many as may, or as many as the model gets through in so many seconds, at least one. */
export class Pace {
  readonly #most: number
  readonly #seconds: number
  /** Clips in a second, as the last batches went. */
  #rate: number | undefined

  constructor(most: number, seconds: number) {
    this.#most = most
    this.#seconds = seconds
  }

  get size(): number {
    if (this.#rate === undefined) return this.#most
    return Math.max(1, Math.min(this.#most, Math.floor(this.#rate * this.#seconds)))
  }

  /** A batch of so many clips took so many seconds. */
  took(clips: number, seconds: number): void {
    const rate = clips / Math.max(0.001, seconds)
    this.#rate = this.#rate === undefined ? rate : 0.7 * this.#rate + 0.3 * rate
  }
}
