import type { StanflowError } from '../../errors.js'

/** Fetches bytes `[start, end)` of an object. */
export type Fetch = (start: number, end: number) => Promise<Uint8Array>

/** What is fetched and kept together. */
export const BLOCK = 256 * 1024
/** Kept of one object: headers and indices that are read again and again, and what is read ahead. */
const KEPT = 64

/** An object's bytes by blocks, those used last kept in memory, each fetched once however many ask for it at a time. */
export class Blocks {
  readonly bytes: number
  readonly #fetch: Fetch
  /** In the order of their last use. */
  readonly #blocks = new Map<number, Promise<Uint8Array>>()
  #fetched = 0
  #requests = 0
  #failure: StanflowError | undefined

  constructor(bytes: number, fetch: Fetch) {
    this.bytes = bytes
    this.#fetch = fetch
  }

  /** Bytes that came from the bucket. */
  get fetched(): number {
    return this.#fetched
  }

  get requests(): number {
    return this.#requests
  }

  /** The first thing that went wrong. */
  get failure(): StanflowError | undefined {
    return this.#failure
  }

  /** Fetches what is missing of the blocks that `[start, end)` touches, in as few requests as it takes. */
  prepare(start: number, end: number): void {
    const last = Math.min(end, this.bytes) - 1
    let missing: number | undefined
    for (let block = Math.floor(start / BLOCK); block <= Math.floor(last / BLOCK); block++) {
      if (this.#blocks.has(block)) {
        if (missing !== undefined) this.#load(missing, block)
        missing = undefined
      } else {
        missing ??= block
      }
    }
    if (missing !== undefined) this.#load(missing, Math.floor(last / BLOCK) + 1)
  }

  /** Bytes from `start` on, to the end of their block or to `end`. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const block = Math.floor(start / BLOCK)
    if (!this.#blocks.has(block)) this.#load(block, block + 1)
    const found = this.#blocks.get(block) as Promise<Uint8Array>
    this.#blocks.delete(block)
    this.#blocks.set(block, found)
    return (await found).subarray(start - block * BLOCK, end - block * BLOCK)
  }

  /** Blocks `[from, to)`, by one request. */
  #load(from: number, to: number): void {
    const start = from * BLOCK
    const end = Math.min(to * BLOCK, this.bytes)
    this.#requests += 1
    const whole = this.#fetch(start, end).then(
      (bytes) => {
        this.#fetched += bytes.length
        return bytes
      },
      (error: StanflowError) => {
        this.#failure ??= error
        throw error
      },
    )
    for (let block = from; block < to; block++) {
      const piece = whole.then((bytes) => bytes.subarray((block - from) * BLOCK, (block - from + 1) * BLOCK))
      // Whoever reads the block hears of it.
      piece.catch(() => undefined)
      this.#blocks.delete(block)
      this.#blocks.set(block, piece)
    }
    for (const old of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT) break
      this.#blocks.delete(old)
    }
  }
}
