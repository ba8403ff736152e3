import { isS3, parseS3 } from '../../src/connect/s3/uri.js'

/** Objects given up one after the other, with none that could be read between, are no coincidence. */
const TOO_MANY = 3
/** An object that failed so long ago, and was not heard of since, is not waited for any more. */
const FORGOTTEN_MS = 180_000

export interface OutagesOptions {
  /** Milliseconds that an object may fail for before it is asked whose fault that is. */
  readonly patience: number
  /** Whether the bucket of an object answers at all. */
  readonly answers: (uri: string) => Promise<boolean>
  readonly now?: () => number
}

interface Bucket {
  readMs: number
  givenUp: number
  /** When objects failed last. */
  readonly failing: Map<string, number>
}

/**
 * Tells an object that its server never hands out, which is a dead letter in the end, from a bucket that is away, which
 * is waited for however long.
 */
export class Outages {
  readonly #options: OutagesOptions
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: OutagesOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Bytes of this object came. */
  readable(uri: string): void {
    const bucket = this.#of(uri)
    if (bucket === undefined) return
    bucket.readMs = this.#now()
    bucket.givenUp = 0
    bucket.failing.delete(uri)
  }

  /**
   * Whether an object that failed again is to be given up: after some patience, and where others of the bucket could be
   * read meanwhile, or the bucket answers and no other object fares alike.
   * @param since milliseconds since 1970: when it began to fail
   */
  async isOwnFault(uri: string, since: number): Promise<boolean> {
    const bucket = this.#of(uri)
    if (bucket === undefined) return false
    const now = this.#now()
    bucket.failing.set(uri, now)
    for (const [other, last] of bucket.failing) if (now - last > FORGOTTEN_MS) bucket.failing.delete(other)
    if (now - since < this.#options.patience) return false
    const othersCame = bucket.readMs > since
    const isAlone = bucket.failing.size === 1 && bucket.givenUp < TOO_MANY - 1
    if (!othersCame && !(isAlone && (await this.#options.answers(uri)))) return false
    bucket.givenUp++
    bucket.failing.delete(uri)
    return true
  }

  #of(uri: string): Bucket | undefined {
    if (!isS3(uri)) return undefined
    const { bucket: name } = parseS3(uri)
    const known = this.#buckets.get(name) ?? { readMs: 0, givenUp: 0, failing: new Map() }
    this.#buckets.set(name, known)
    return known
  }
}
