/**
 * Reused pixel buffers. A buffer starts with one holder; overlapping clips share a frame by retaining it, and it is free
 * again when its last holder lets go. Buffers that nobody releases are simply collected.
 */
export class FramePool {
  readonly #free: Uint8Array[] = []
  readonly #holders = new WeakMap<Uint8Array, number>()
  #made = 0

  /** Buffers made so far: what the pool's memory is, in frames. */
  get made(): number {
    return this.#made
  }

  allocate(bytes: number): Uint8Array {
    const at = this.#free.findLastIndex((buffer) => buffer.length === bytes)
    const pixels = at < 0 ? new Uint8Array(bytes) : (this.#free.splice(at, 1)[0] as Uint8Array)
    if (at < 0) this.#made++
    this.#holders.set(pixels, 1)
    return pixels
  }

  retain(pixels: Uint8Array): void {
    const holders = this.#holders.get(pixels)
    if (holders !== undefined) this.#holders.set(pixels, holders + 1)
  }

  release(pixels: Uint8Array): void {
    const holders = this.#holders.get(pixels)
    if (holders === undefined) return
    if (holders > 1) {
      this.#holders.set(pixels, holders - 1)
    } else {
      this.#holders.delete(pixels)
      this.#free.push(pixels)
    }
  }
}
