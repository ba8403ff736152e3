import type { Event } from '../../src/domain.js'
import { type Again, patience, persist } from '../../src/persist.js'
import { type LiveSink, PASSING } from './sink.js'

/** Events that wait for a sink that is away, at most. */
const MOST = 10_000

/** Events on their way out, in order and behind nobody's back: whoever makes them does not wait. */
export class EventQueue {
  readonly #sink: Pick<LiveSink, 'events'>
  readonly #onFailure: (error: unknown) => void
  readonly #again: Again
  #waiting: Event[] = []
  #sending: Promise<void> | undefined
  /** Being sent. */
  #leaving = 0
  #lost = 0

  /** `giveUp` ends the waiting for a sink that is away. */
  constructor(
    sink: Pick<LiveSink, 'events'>,
    { onFailure, giveUp }: { readonly onFailure: (error: unknown) => void; readonly giveUp: AbortSignal },
  ) {
    this.#sink = sink
    this.#onFailure = onFailure
    this.#again = patience({ passing: PASSING, signal: giveUp })
  }

  /** Events that had to give way to newer ones, or are not out yet. */
  get undelivered(): number {
    return this.#lost + this.#leaving + this.#waiting.length
  }

  add(event: Event): void {
    this.#waiting.push(event)
    if (this.#waiting.length > MOST) {
      this.#waiting.shift()
      this.#lost++
    }
    this.#sending ??= this.#send()
  }

  /** Resolves once all are out. */
  async settled(): Promise<void> {
    await this.#sending
  }

  async #send(): Promise<void> {
    // Those that are made in the same moment go together.
    await Promise.resolve()
    // In the same step as the last look at what waits, so that nothing comes in between.
    while (this.#hasMore()) {
      const events = this.#waiting
      this.#waiting = []
      this.#leaving = events.length
      try {
        await persist(() => this.#sink.events(events), this.#again)
      } catch (error) {
        this.#lost += events.length
        this.#onFailure(error)
      }
      this.#leaving = 0
    }
  }

  #hasMore(): boolean {
    if (this.#waiting.length > 0) return true
    this.#sending = undefined
    return false
  }
}
