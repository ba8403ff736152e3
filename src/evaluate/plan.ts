import type { Segment } from '../datasets/dataset.js'
import { StanflowError } from '../errors.js'

/** Spatial crops that are averaged: the middle alone, or the middle and both ends of the longer side. */
export const VIEW_COUNTS = [1, 3] as const
export type ViewCount = (typeof VIEW_COUNTS)[number]

/**
 * The frames that a segment spans, as the first index and how many; all of them where there is no segment.
 * `times`: seconds, ascending. @throws StanflowError MEDIA_TOO_SHORT where no frame lies in it
 */
export function framesIn(
  times: ArrayLike<number>,
  segment: Segment | undefined,
): { readonly first: number; readonly count: number } {
  if (segment === undefined) return { first: 0, count: times.length }
  const from = firstNotBefore(times, segment.start)
  const to = firstNotBefore(times, segment.end)
  if (to <= from)
    throw new StanflowError(
      'MEDIA_TOO_SHORT',
      `The video has no frame between second ${segment.start} and second ${segment.end}.`,
      { hint: 'The annotations mean another cut of it, or the wrong file has this name.' },
    )
  return { first: from, count: to - from }
}

/** Rounded times must not lose the frame at a boundary. */
const ROUNDING = 1e-6

function firstNotBefore(times: ArrayLike<number>, time: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as number) < time - ROUNDING) low = middle + 1
    else high = middle
  }
  return low
}

interface Rgb {
  readonly width: number
  readonly height: number
  /** `[height, width, 3]` */
  readonly pixels: Uint8Array
}

/**
 * A square out of a picture whose short side is `size`: the middle, or one end of the longer side.
 * `target`: `[size, size, 3]`.
 */
export function cropView(
  { width, height, pixels }: Rgb,
  size: number,
  view: number,
  target: Uint8Array,
): void {
  const place = (room: number): number => [Math.floor(room / 2), 0, room][view] as number
  const [left, top] = [place(width - size), place(height - size)]
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * 3
    target.set(pixels.subarray(from, from + size * 3), y * size * 3)
  }
}
