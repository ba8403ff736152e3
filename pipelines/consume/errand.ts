import type { Budget } from '../../operators/index.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import type { Traced } from '../../src/telemetry/trace.js'

export interface ErrandParts {
  readonly work: Work
  readonly trace: Traced
  /** Places among what is decoded; one is taken. */
  readonly places: Budget
}

/**
 * A record on its way, and its place among what is decoded. While it waits for what may take long, another record has
 * the place: of a bucket that is away, videos of others are not to hear.
 */
export class Errand {
  readonly work: Work
  readonly trace: Traced
  /** Where its bytes lie, if not in the record; empty until that is known. */
  uri = ''
  readonly #places: Budget
  #place: 'held' | 'lent' | 'left' = 'held'

  constructor({ work, trace, places }: ErrandParts) {
    this.work = work
    this.trace = trace
    this.#places = places
    places.take()
    // Nothing that is done for it counts any more.
    if (work.signal.aborted) this.leave()
    else work.signal.addEventListener('abort', () => this.leave(), { once: true })
  }

  /** It waits for something that passes by itself. */
  wait(reason: string): void {
    this.work.wait(reason)
    this.#lend()
  }

  /** What it waited for is there, if it waited; resolves once it has a place again. */
  async goOn(): Promise<void> {
    if (this.work.waitsFor === undefined) return
    this.work.goOn()
    await this.#back()
  }

  /** Resolves when more results may be made of it; see `Work.room`. */
  async room(): Promise<void> {
    if (!this.work.isFarAhead) return
    this.#lend()
    await this.work.room()
    await this.#back()
  }

  /** It needs no place any more. */
  leave(): void {
    if (this.#place === 'held') this.#places.give()
    this.#place = 'left'
  }

  #lend(): void {
    if (this.#place !== 'held') return
    this.#place = 'lent'
    this.#places.give()
  }

  async #back(): Promise<void> {
    if (this.#place !== 'lent') return
    await this.#places.enter()
    // It left meanwhile, or is back already.
    if (this.#place === 'lent') this.#place = 'held'
    else this.#places.give()
  }
}
