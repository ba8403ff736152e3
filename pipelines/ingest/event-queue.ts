import type { Event } from '../../src/domain.js'
import type { ErrorCode } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { LiveSink } from './sink.js'

/** What passes by itself. */
const PASSING: readonly ErrorCode[] = ['KAFKA_UNREACHABLE', 'KAFKA_REGISTRY', 'S3_UNAVAILABLE', 'OUTPUT_FULL']
/** Events that wait for a sink that is away, at most. */
const MOST = 10_000

/** Events on their way out, in order and behind nobody's back: whoever makes them does not wait. */
export class EventQueue {
  readonly #sink: Pick<LiveSink, 'events'>
  readonly #onFailure: (error: unknown) => void
  readonly #again: Again
  #waiting: Event[] = []
  #sending: Promise<void> | undefined
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

  /** Events that had to give way to newer ones. */
  get lost(): number {
    return this.#lost
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
      try {
        await persist(() => this.#sink.events(events), this.#again)
      } catch (error) {
        this.#lost += events.length
        this.#onFailure(error)
      }
    }
  }

  #hasMore(): boolean {
    if (this.#waiting.length > 0) return true
    this.#sending = undefined
    return false
  }
}
