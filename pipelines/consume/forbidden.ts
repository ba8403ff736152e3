import { isS3, parseS3 } from '../../src/connect/s3/uri.js'

/** So many objects of a bucket, with none that could be read, are no coincidence. */
const TOO_MANY = 3
const HOLD_MS = 10_000

/**
 * Tells an object that may not be read, which is a dead letter, from a bucket of which this installation may read
 * nothing, where going on would make a dead letter of everything. Until it is known, records are held back: their
 * partitions stay where they are.
 */
export class Forbidden {
  readonly #holdMs: number
  readonly #readable = new Set<string>()
  readonly #held = new Map<string, Map<string, () => void>>()
  /** Records met since the last object that could be read, however far apart they come. */
  readonly #met = new Map<string, Set<string>>()

  constructor(holdMs = HOLD_MS) {
    this.#holdMs = holdMs
  }

  /** Bytes of this object came. */
  readable(uri: string): void {
    const bucket = bucketOf(uri)
    if (bucket === undefined || this.#readable.has(bucket)) return
    this.#readable.add(bucket)
    this.#met.delete(bucket)
    for (const id of [...(this.#held.get(bucket)?.keys() ?? [])]) this.#bury(bucket, id)
  }

  /**
   * An object may not be read. `bury` is called once its record can be a dead letter: at once where others of the bucket
   * could be read, else after a while.
   * @param id of the record
   * @returns false where too many were met: then nothing was buried, and nothing should be
   */
  meet(uri: string, id: string, bury: () => void): boolean {
    const bucket = bucketOf(uri)
    if (bucket === undefined || this.#readable.has(bucket)) {
      bury()
      return true
    }
    const held = this.#held.get(bucket) ?? new Map<string, () => void>()
    this.#held.set(bucket, held.set(id, bury))
    const met = this.#met.get(bucket) ?? new Set<string>()
    this.#met.set(bucket, met.add(id))
    if (met.size >= TOO_MANY) {
      this.#held.delete(bucket)
      return false
    }
    setTimeout(() => this.#bury(bucket, id), this.#holdMs).unref()
    return true
  }

  #bury(bucket: string, id: string): void {
    const held = this.#held.get(bucket)
    const bury = held?.get(id)
    held?.delete(id)
    bury?.()
  }
}

const bucketOf = (uri: string): string | undefined => (isS3(uri) ? parseS3(uri).bucket : undefined)
