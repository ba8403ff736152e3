/** Which frames of a batch must be computed, and where each one's features are. */
export interface SlotPlan<F> {
  /** Frames to compute, and the slot for each. */
  readonly missing: readonly F[]
  readonly fill: Int32Array
  /** The slot of every frame asked for, in order. */
  readonly use: Int32Array
}

interface Entry {
  slot: number
}

/**
 * The book of a fixed number of places where frames' features are kept, least recently used first to go. It holds no
 * frame: they are recognised by identity as long as somebody else holds them.
 */
export class FrameSlots<F extends object> {
  readonly capacity: number
  readonly #known = new WeakMap<F, Entry>()
  /** Entries with a slot, least recently used first. */
  readonly #used = new Set<Entry>()
  #free: number[]

  constructor(capacity: number) {
    this.capacity = capacity
    this.#free = Array.from({ length: capacity }, (_, slot) => capacity - 1 - slot)
  }

  /** Finds or makes room for these frames; there must be no more different ones than the capacity. */
  plan(frames: readonly F[]): SlotPlan<F> {
    const missing: F[] = []
    const needed = new Set<Entry>()
    for (const frame of frames) {
      const entry = this.#known.get(frame)
      if (entry !== undefined && this.#used.has(entry)) needed.add(entry)
    }
    // What this very batch reads must not make room for its other frames.
    for (const entry of needed) this.#touch(entry)
    const fill: number[] = []
    const use = Int32Array.from(frames, (frame) => {
      let entry = this.#known.get(frame)
      if (entry === undefined || !this.#used.has(entry)) {
        entry = { slot: this.#take() }
        this.#known.set(frame, entry)
        missing.push(frame)
        fill.push(entry.slot)
      }
      this.#touch(entry)
      return entry.slot
    })
    return { missing, fill: Int32Array.from(fill), use }
  }

  /** Nothing is known any more. */
  clear(): void {
    this.#used.clear()
    this.#free = Array.from({ length: this.capacity }, (_, slot) => this.capacity - 1 - slot)
  }

  #touch(entry: Entry): void {
    this.#used.delete(entry)
    this.#used.add(entry)
  }

  #take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const [oldest] = this.#used
    if (oldest === undefined) throw new RangeError('more frames than places for them')
    this.#used.delete(oldest)
    return oldest.slot
  }
}
