import { Pace, Widening } from '../../operators/index.js'

/** Seconds that a batch may take, if it is more than one clip. */
const BATCH_SECONDS = 1
const LOOK_MS = 250

/** How busy whoever takes batches is, and what follows from it: clips in a batch, and by how much strides are widened. */
export class Load {
  readonly widening = new Widening()
  readonly #pace: Pace
  #running = 0
  #busyMs = 0

  /** `most`: clips in a batch. */
  constructor(most: number) {
    this.#pace = new Pace(most, BATCH_SECONDS)
  }

  /** Clips that the next batch is to have. */
  get batchSize(): number {
    return this.#pace.size
  }

  get isBusy(): boolean {
    return this.#running > 0
  }

  /** Work on a batch of so many clips, measured. */
  async measure<T>(clips: number, work: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      const took = performance.now() - begun
      this.#busyMs += took
      this.#pace.took(clips, took / 1000)
    }
  }

  /**
   * Looks at it from time to time, until what it returns is called.
   * @param crowded how full the queue of clips is, 0 to 1
   */
  watch(crowded: () => number, onWidened: (factor: number) => void): () => void {
    const look = (): void => {
      const changed = this.widening.look(crowded(), this.#busyMs / LOOK_MS, performance.now() / 1000)
      this.#busyMs = 0
      if (changed) onWidened(this.widening.factor)
    }
    const looking = setInterval(look, LOOK_MS)
    return () => clearInterval(looking)
  }
}
