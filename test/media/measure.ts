import type { DecodedFrame, FrameRequest, Geometry, VideoReader } from '../../src/media/reader.js'

export type Rgb = readonly [number, number, number]

/** Decodes frames into a list. */
export async function decodeAll(
  reader: VideoReader,
  request: Omit<FrameRequest, 'geometry'> & { readonly geometry?: Geometry },
): Promise<DecodedFrame[]> {
  const frames: DecodedFrame[] = []
  for await (const frame of reader.frames({ geometry: { kind: 'crop', size: 96 }, ...request }))
    frames.push(frame)
  return frames
}

/** Colour at a place, given as fractions of width and height. */
export function colourAt({ width, height, pixels }: DecodedFrame, x: number, y: number): Rgb {
  const at = 3 * (Math.floor(y * height) * width + Math.floor(x * width))
  return [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0]
}

/** The number that a marked frame spells; `sourceAspect` is the display's width by its height. */
export function spelled(frame: DecodedFrame, sourceAspect: number): number {
  // The stripe's middle, at 0.575 of the source's width, as the crop shows it.
  const shown = Math.min(1, frame.width / frame.height / sourceAspect)
  const x = (0.575 - (1 - shown) / 2) / shown
  let number = 0
  for (let bit = 0; bit < 8; bit++) {
    const [r, g, b] = colourAt(frame, x, (bit + 0.5) / 8)
    if (r + g + b > 3 * 128) number += 2 ** bit
  }
  return number
}

/** Mean absolute difference of two pictures, in grey levels. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}

/** How much stronger rows differ from the next than from the one after it: about 0 for a whole picture, 1 and more for combs. */
export function combing({ width, height, pixels }: DecodedFrame): number {
  const row = (y: number): Uint8Array => pixels.subarray(3 * width * y, 3 * width * (y + 1))
  let [next, second] = [0, 0]
  for (let y = 0; y + 2 < height; y++) {
    next += difference(row(y), row(y + 1))
    second += difference(row(y), row(y + 2))
  }
  return (next - second) / height
}
