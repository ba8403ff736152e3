import type { Blobs } from '../../src/connect/blobs.js'
import { StanflowError } from '../../src/errors.js'
import { nextOffset } from './segment.js'

/** What became of a file that was to be written. */
export interface Put {
  /** False where there was one of that name, which another run wrote. */
  readonly written: boolean
  /** Of the first record that the file does not hold. */
  readonly next: bigint
}

/** A file to be written once, however often that is tried. */
export class PutOnce {
  readonly #place: Blobs
  readonly #key: string
  readonly #bytes: Uint8Array
  readonly #next: bigint
  #tries = 0

  constructor(place: Blobs, key: string, bytes: Uint8Array, next: bigint) {
    this.#place = place
    this.#key = key
    this.#bytes = bytes
    this.#next = next
  }

  /** @throws StanflowError OUTPUT_*, S3_*: it may be tried again */
  async try(): Promise<Put> {
    this.#tries++
    if (await this.#place.create(this.#key, this.#bytes)) return { written: true, next: this.#next }
    const there = await this.#place.read(this.#key)
    const next = there === undefined ? undefined : nextOffset(there)
    if (there === undefined || next === undefined) {
      throw new StanflowError(
        'OUTPUT_CORRUPT',
        `${this.#place.at(this.#key)} is there, and no file of an archive.`,
      )
    }
    // Then the answer to the try before was lost, not the file.
    const isOwn = this.#tries > 1 && Buffer.compare(there, this.#bytes) === 0
    return { written: isOwn, next }
  }
}
