import { firstAtOrAfter } from './indices.js'
import type { VideoInfo } from './reader.js'

/** Finds a frame by the timestamp a decoder gives it. */
export class FrameIndex {
  readonly #timestamps: Float64Array
  readonly #tolerance: number

  constructor({ timestamps }: VideoInfo) {
    this.#timestamps = timestamps
    let gap = Number.POSITIVE_INFINITY
    for (let i = 1; i < timestamps.length; i++)
      gap = Math.min(gap, (timestamps[i] as number) - (timestamps[i - 1] as number))
    // Decoders may round; half the smallest gap cannot be mistaken for a neighbour.
    this.#tolerance = gap / 2
  }

  /** Index of the frame at `timestamp`; undefined where there is none. */
  at(timestamp: number): number | undefined {
    const times = this.#timestamps
    const low = firstAtOrAfter(times, timestamp)
    const before = Math.max(0, low - 1)
    const near =
      Math.abs((times[before] as number) - timestamp) < Math.abs((times[low] as number) - timestamp)
        ? before
        : low
    const distance = Math.abs((times[near] as number) - timestamp)
    return distance === 0 || distance < this.#tolerance ? near : undefined
  }
}

/** The last keyframe at or before a frame, as an index into the frames; 0, the start, where there is none. */
export function keyframeBefore({ keyframes }: VideoInfo, index: number): number {
  let low = 0
  let high = keyframes.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((keyframes[middle] as number) <= index) low = middle
    else high = middle - 1
  }
  const found = keyframes[low] ?? 0
  return found <= index ? found : 0
}
