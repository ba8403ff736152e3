import type { Packets } from './frame-times.js'

/** Gathers the packets of one video stream as a demuxer comes to them: nine bytes a packet, however many there are. */
export class PacketColumns {
  #pts = new Float64Array(1024)
  #key = new Uint8Array(1024)
  #count = 0
  #startsHidden = false

  /** `pts`: NaN where the container does not say. `discard`: the packet is decoded, but not shown. */
  add(pts: number, { key, discard }: { readonly key: boolean; readonly discard: boolean }): void {
    if (discard) {
      this.#startsHidden ||= this.#count === 0 && key
      return
    }
    if (this.#count === this.#pts.length) this.#grow()
    this.#pts[this.#count] = pts
    this.#key[this.#count] = key ? 1 : 0
    this.#count++
  }

  get packets(): Packets {
    return { pts: this.#pts.subarray(0, this.#count), key: this.#key.subarray(0, this.#count) }
  }

  /** True where packets marked for discarding, a keyframe among them, come before the first one kept. */
  get startsHidden(): boolean {
    return this.#startsHidden
  }

  #grow(): void {
    const [pts, key] = [this.#pts, this.#key]
    this.#pts = new Float64Array(2 * pts.length)
    this.#key = new Uint8Array(2 * key.length)
    this.#pts.set(pts)
    this.#key.set(key)
  }
}
