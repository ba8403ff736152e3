import type { ConsumedRecord } from '../client.js'

/** Records that wait for work; beyond it no more are asked for. */
const MOST = 64
const MOST_BYTES = 16 * 1024 * 1024

/** Records of one partition that wait for work, in order. Full, it asks for a pause; half empty again, for more. */
export class Queue {
  readonly #flow: { readonly pause: () => void; readonly resume: () => void }
  #records: ConsumedRecord[] = []
  #bytes = 0
  #paused = false

  constructor(flow: { readonly pause: () => void; readonly resume: () => void }) {
    this.#flow = flow
  }

  get length(): number {
    return this.#records.length
  }

  get first(): ConsumedRecord | undefined {
    return this.#records[0]
  }

  put(records: readonly ConsumedRecord[]): void {
    for (const record of records) {
      this.#records.push(record)
      this.#bytes += record.value?.length ?? 0
    }
    if (this.#records.length < MOST && this.#bytes < MOST_BYTES) return
    this.#paused = true
    this.#flow.pause()
  }

  take(): ConsumedRecord | undefined {
    const record = this.#records.shift()
    if (record === undefined) return undefined
    this.#bytes -= record.value?.length ?? 0
    if (this.#paused && this.#records.length < MOST / 2 && this.#bytes < MOST_BYTES / 2) {
      this.#paused = false
      this.#flow.resume()
    }
    return record
  }

  /** Empty, as at the beginning: the partition is about to be read anew. */
  clear(): void {
    this.#records = []
    this.#bytes = 0
    this.#paused = false
  }
}
