/** Rows kept of a layer's input. */
const KEPT_ROWS = 128

/** What has been seen of one activation tensor, `[rows, width]`. */
export class ActivationStats {
  readonly width: number
  /** Largest absolute value of each channel. */
  readonly channelTop: Float32Array
  min = 0
  max = 0
  readonly #rows: Float32Array
  #seen = 0
  #random = 1

  constructor(width: number) {
    this.width = width
    this.channelTop = new Float32Array(width)
    this.#rows = new Float32Array(KEPT_ROWS * width)
  }

  /** An even choice of all rows seen, `[n, width]`. */
  get rows(): Float32Array {
    return this.#rows.subarray(0, Math.min(this.#seen, KEPT_ROWS) * this.width)
  }

  add(values: Float32Array): void {
    const { width, channelTop } = this
    for (let at = 0; at < values.length; at += width) {
      for (let i = 0; i < width; i++) {
        const value = values[at + i] as number
        if (value < this.min) this.min = value
        else if (value > this.max) this.max = value
        const size = Math.abs(value)
        if (size > (channelTop[i] as number)) channelTop[i] = size
      }
      this.#keep(values.subarray(at, at + width))
    }
  }

  /** Reservoir sampling, the same every time. */
  #keep(row: Float32Array): void {
    const place = this.#seen < KEPT_ROWS ? this.#seen : Math.floor(this.#next() * (this.#seen + 1))
    if (place < KEPT_ROWS) this.#rows.set(row, place * this.width)
    this.#seen++
  }

  #next(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0
    return (this.#random >>> 0) / 2 ** 32
  }
}
