/**
 * The one bound on what is in flight. RxJS pushes, and its operators park without limit what they cannot take yet; so a
 * source waits here for room before it makes more, and the last stage gives the room back.
 */
export class Budget {
  readonly #limit: () => number
  #inFlight = 0
  #closed = false
  readonly #waiting: (() => void)[] = []

  /** A limit that changes is asked for whenever it matters. */
  constructor(limit: number | (() => number)) {
    this.#limit = typeof limit === 'number' ? () => limit : limit
  }

  get limit(): number {
    return this.#limit()
  }

  get inFlight(): number {
    return this.#inFlight
  }

  take(count = 1): void {
    this.#inFlight += count
  }

  give(count = 1): void {
    this.#inFlight -= count
    while (this.#inFlight < this.limit && this.#waiting.length > 0) this.#waiting.shift()?.()
  }

  /** Resolves once less than the limit is in flight, or at once when closed. All who wait are let through together. */
  async room(): Promise<void> {
    while (this.#isFull) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Waits for room and takes it, for one: of several who wait, none takes another's. */
  async enter(): Promise<void> {
    while (this.#isFull) await this.room()
    this.take()
  }

  get #isFull(): boolean {
    return this.#inFlight >= this.limit && !this.#closed
  }

  /** Nobody waits any more: whoever asks for room is let through, to see that it should stop. */
  close(): void {
    this.#closed = true
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
