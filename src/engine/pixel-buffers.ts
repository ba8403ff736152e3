import type { FramePixels } from './engine.js'
import type { Answer } from './protocol.js'

/** Buffers kept for later batches. */
const SPARE = 2

/** Contiguous batches of pictures, in buffers that travel to a model's thread and come back with its answers. */
export class PixelBuffers {
  readonly #frameBytes: number
  readonly #spare: ArrayBuffer[] = []

  /** `size`: pixels along a picture's side. */
  constructor(size: number) {
    this.#frameBytes = size * size * 3
  }

  /** A copy of these pictures, `[frames, S, S, 3]`. */
  gather(frames: readonly FramePixels[]): Uint8Array<ArrayBuffer> {
    const bytes = frames.length * this.#frameBytes
    const at = this.#spare.findIndex((buffer) => buffer.byteLength >= bytes)
    const buffer = at < 0 ? new ArrayBuffer(bytes) : (this.#spare.splice(at, 1)[0] as ArrayBuffer)
    const pixels = new Uint8Array(buffer, 0, bytes)
    for (const [n, frame] of frames.entries()) pixels.set(frame.pixels, n * this.#frameBytes)
    return pixels
  }

  /** Keeps the buffer that comes back with the answer. */
  async returning(asked: Promise<Answer>): Promise<Answer> {
    const answer = await asked
    if (answer.pixels !== undefined) {
      this.#spare.push(answer.pixels.buffer)
      // The largest serve any batch.
      this.#spare.sort((a, b) => a.byteLength - b.byteLength)
      if (this.#spare.length > SPARE) this.#spare.shift()
    }
    return answer
  }
}
