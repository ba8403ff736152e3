/** What waits, by whom it is from. */
export interface FairQueueOptions<T> {
  /** Items that wait at most, over all sources. */
  readonly limit: () => number
  /** Whether an item has waited so long that nobody wants it any more. Default: never. */
  readonly isStale?: (item: T) => boolean
  /** An item that had to give way, or is stale. */
  readonly onDropped: (item: T, source: string) => void
}

/**
 * What sources push and one consumer pulls, never more than the limit: where it is reached, the oldest item of the source
 * that has most waiting gives way. The consumer gets an item of each source in turn, so none is served more than another.
 */
export class FairQueue<T> {
  readonly #options: FairQueueOptions<T>
  /** Sources that have something, the next to be served first. */
  readonly #waiting = new Map<string, T[]>()
  #size = 0
  #isClosed = false
  #wake: (() => void) | undefined

  constructor(options: FairQueueOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#size
  }

  waitingOf(source: string): number {
    return this.#waiting.get(source)?.length ?? 0
  }

  offer(source: string, item: T): void {
    if (this.#isClosed) {
      this.#options.onDropped(item, source)
      return
    }
    const own = this.#waiting.get(source)
    if (own === undefined) this.#waiting.set(source, [item])
    else own.push(item)
    this.#size++
    while (this.#size > this.#options.limit()) this.#dropOldest()
    this.#wake?.()
  }

  /** Items, as they are asked for, until the queue is closed and empty. */
  async *items(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#take()
      if (item !== undefined) {
        yield item
      } else if (this.#isClosed) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  /** Nothing is taken in any more; what waits may still be pulled. */
  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  /** Whatever waits is dropped. */
  clear(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#size = 0
    for (const [source, own] of waiting) for (const item of own) this.#options.onDropped(item, source)
  }

  #take(): T | undefined {
    for (const [source, own] of this.#waiting) {
      const item = this.#fresh(source, own)
      this.#waiting.delete(source)
      // Behind all others that wait.
      if (own.length > 0) this.#waiting.set(source, own)
      if (item !== undefined) return item
    }
    return undefined
  }

  #fresh(source: string, own: T[]): T | undefined {
    const { isStale = () => false, onDropped } = this.#options
    for (;;) {
      const item = own.shift()
      if (item === undefined) return undefined
      this.#size--
      // The last one of a source stands for what it shows now, late as it may be.
      if (own.length === 0 || !isStale(item)) return item
      onDropped(item, source)
    }
  }

  #dropOldest(): void {
    let most: { readonly source: string; readonly own: T[] } | undefined
    for (const [source, own] of this.#waiting) {
      if (own.length > (most?.own.length ?? 0)) most = { source, own }
    }
    const item = most?.own.shift()
    if (most === undefined || item === undefined) return
    this.#size--
    if (most.own.length === 0) this.#waiting.delete(most.source)
    this.#options.onDropped(item, most.source)
  }
}
