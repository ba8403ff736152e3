const BUCKET_MS = 10_000
const BUCKETS = 90

/** Labelled clips over the last quarter of an hour. */
export class Rates {
  readonly bucketSeconds = BUCKET_MS / 1000
  readonly #counts = new Map<number, number>()
  readonly #since = Math.floor(Date.now() / BUCKET_MS)

  /** @param ms when it was written, since 1970; what is older than this server is not all read, so it does not count */
  add(ms: number, count = 1): void {
    const bucket = Math.floor(ms / BUCKET_MS)
    if (bucket < this.#since) return
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count)
    for (const old of this.#counts.keys()) if (old < bucket - BUCKETS) this.#counts.delete(old)
  }

  /** Oldest first, up to now. */
  buckets(now = Date.now()): number[] {
    const last = Math.floor(now / BUCKET_MS)
    const first = Math.max(this.#since, last - BUCKETS + 1)
    return Array.from({ length: last - first + 1 }, (_, i) => this.#counts.get(first + i) ?? 0)
  }

  perMinute(now = Date.now()): number {
    return this.buckets(now)
      .slice(-6)
      .reduce((sum, count) => sum + count, 0)
  }
}
