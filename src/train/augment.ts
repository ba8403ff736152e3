import type { Random } from '../scenes/random.js'
import type { Motion } from '../scenes/vocabulary.js'

/** Motions whose names tell one side from the other: their clips are never mirrored. */
export const HANDED: readonly Motion[] = ['left', 'right', 'clockwise', 'anticlockwise']

/** Frames behind each other in one array, `[T, size, size, 3]` from `at`. */
export interface Frames {
  readonly pixels: Uint8Array
  readonly at: number
  readonly count: number
  readonly size: number
}

/** Left and right change places in every frame. */
export function mirror({ pixels, at, count, size }: Frames): void {
  for (let row = at; row < at + count * size * size * 3; row += size * 3) {
    for (let left = 0, right = size - 1; left < right; left++, right--) {
      for (let c = 0; c < 3; c++) {
        const held = pixels[row + left * 3 + c] as number
        pixels[row + left * 3 + c] = pixels[row + right * 3 + c] as number
        pixels[row + right * 3 + c] = held
      }
    }
  }
}

/** A square of a picture, in parts of its side. */
export interface Window {
  readonly left: number
  readonly top: number
  readonly side: number
}

/** A square with a side from `least` to 1, anywhere in the picture. */
export function randomWindow(random: Random, least: number): Window {
  const side = random.range(least, 1)
  return { side, left: random.range(0, 1 - side), top: random.range(0, 1 - side) }
}

/** Every frame becomes what the window shows of it, enlarged to the whole picture (bilinear). */
export function zoom({ pixels, at, count, size }: Frames, window: Window): void {
  const across = taps(size, window.left, window.side)
  const down = taps(size, window.top, window.side)
  const frameBytes = size * size * 3
  for (let t = 0; t < count; t++) {
    const from = at + t * frameBytes
    const source = pixels.slice(from, from + frameBytes)
    for (let y = 0, to = from; y < size; y++) {
      const { first: y0, second: y1, share: v } = down[y] as Tap
      for (let x = 0; x < size; x++) {
        const { first: x0, second: x1, share: u } = across[x] as Tap
        for (let c = 0; c < 3; c++, to++) {
          const value = (row: number, column: number): number =>
            source[(row * size + column) * 3 + c] as number
          const above = value(y0, x0) * (1 - u) + value(y0, x1) * u
          const below = value(y1, x0) * (1 - u) + value(y1, x1) * u
          pixels[to] = Math.round(above * (1 - v) + below * v)
        }
      }
    }
  }
}

interface Tap {
  readonly first: number
  readonly second: number
  /** Of the second. */
  readonly share: number
}

/** Where each pixel of the result lies between two of the source; pixels count from their middles. */
function taps(size: number, from: number, side: number): Tap[] {
  return Array.from({ length: size }, (_, i) => {
    const place = Math.min(size - 1, Math.max(0, from * size + (i + 0.5) * side - 0.5))
    const first = Math.floor(place)
    return { first, second: Math.min(size - 1, first + 1), share: place - first }
  })
}
