import type { Blobs } from '../../src/connect/blobs.js'
import {
  type Admin,
  type ConsumedRecord,
  type Consumer,
  partitionKey,
  type TopicPartition,
} from '../../src/connect/kafka/client.js'
import { asStanflowError, type ErrorCode, type StanflowError } from '../../src/errors.js'
import { patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { BehindFacts } from '../../src/telemetry/metrics.js'
import { type Mark, markText, readMark } from './mark.js'
import { PutOnce } from './put.js'
import type { Rows } from './rows.js'
import { type Limits, type Row, Segment } from './segment.js'

export interface PartitionParts {
  readonly at: TopicPartition
  readonly group: string
  readonly admin: Admin
  readonly consumer: () => Consumer | undefined
  readonly rows: Rows
  readonly place: Blobs
  readonly limits: Limits
  readonly log: Logger
  /** Aborted when all is to end: what may pass is not waited for without end then. */
  readonly draining: AbortSignal
  /** Whether its file is to be cut early, for want of memory. */
  readonly isTooMuch: () => boolean
  readonly onFile: (file: {
    readonly key: string
    readonly records: number
    readonly written: boolean
    readonly milliseconds: number
  }) => void
  readonly onFailure: (error: StanflowError) => void
  readonly onBegun: () => void
}

/** Seconds that the first records may take to come. */
export const FETCH_SECONDS = 5
/** Fetched and not looked at yet, before it is paused. */
const QUEUE = 2000
const DRAINING_TRIES = 5
/** What passes by itself. */
const PASSING: readonly ErrorCode[] = [
  'S3_UNAVAILABLE',
  'KAFKA_UNREACHABLE',
  'KAFKA_UNCERTAIN',
  'KAFKA_FULL',
  'KAFKA_REGISTRY',
]

/** One partition: its records, in order, into files that follow one another without gap or overlap. */
export class Partition {
  readonly #parts: PartitionParts
  readonly #lost = new AbortController()
  readonly #queue: ConsumedRecord[] = []
  #segment: Segment
  /** Of the next record to look at. */
  #next = 0n
  /** All records before are in a file, in the segment, or dead letters. */
  #through = 0n
  #buried = 0n
  #committed: Mark = { offset: 0n, buried: 0n }
  /** Of the record after the last one that was there when it began; absent until then. */
  #high: bigint | undefined
  #paused = false
  #waitsFor: string | undefined

  constructor(parts: PartitionParts) {
    this.#parts = parts
    this.#segment = new Segment(parts.at)
  }

  /** What is waited for, if anything. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  get hasBegun(): boolean {
    return this.#high !== undefined
  }

  /** All records that were there when it began have come. Marks of transactions are records that never do. */
  get isThrough(): boolean {
    return this.#high !== undefined && this.#next >= this.#high
  }

  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  /** How long the oldest record has waited for its file. */
  get behind(): BehindFacts {
    const oldest = (this.#segment.first ?? this.#queue[0])?.timestamp
    return { ...this.#parts.at, behind: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000 }
  }

  /** In memory. */
  get bytes(): number {
    return this.#segment.bytes
  }

  /** Begins where the group stands. */
  async begin(): Promise<void> {
    const { admin, at, group, consumer, onBegun } = this.#parts
    await this.#persist(async () => {
      const { mark, high } = await readMark(admin, group, at)
      if (this.#lost.signal.aborted) return
      this.#committed = mark
      this.#next = mark.offset
      this.#through = mark.offset
      this.#buried = mark.buried
      this.#high = high
      consumer()?.start(at, mark.offset)
      onBegun()
    })
  }

  put(records: readonly ConsumedRecord[]): void {
    for (const record of records) this.#queue.push(record)
    if (this.#queue.length <= QUEUE || this.#paused) return
    this.#paused = true
    this.#parts.consumer()?.pause(this.#parts.at)
  }

  /** It went elsewhere. */
  lose(): void {
    this.#lost.abort()
  }

  /** Puts what has come into files, and writes those that are done. */
  async sort(): Promise<void> {
    const { at, consumer, limits, isTooMuch } = this.#parts
    for (const record of this.#queue.splice(0)) {
      if (this.#lost.signal.aborted) return
      if (record.offset < this.#next) continue
      this.#next = record.offset + 1n
      const row = await this.#row(record)
      if (row !== undefined) await this.#add(row)
      if (record.offset >= this.#through) this.#through = record.offset + 1n
    }
    // Else a death would make dead letters of the same records again.
    if (this.#buried > this.#committed.buried)
      await this.#commit(this.#segment.first?.offset ?? this.#through)
    if (this.#paused) {
      this.#paused = false
      consumer()?.resume(at)
    }
    const { first, begunMs } = this.#segment
    if ((first !== undefined && Date.now() - begunMs > limits.span) || isTooMuch()) await this.#write()
  }

  /** What is left is a file of its own: nothing waits for the next run that need not. */
  async finish(): Promise<void> {
    await this.sort()
    while (this.#segment.first !== undefined) await this.#write()
  }

  /** Undefined where it is a dead letter, now or before. */
  async #row(record: ConsumedRecord): Promise<Row | undefined> {
    const { rows, at } = this.#parts
    const isBuried = record.offset < this.#buried
    let row: Row | undefined
    await this.#persist(async () => {
      row = await rows.of(at, record, isBuried)
    })
    if (row === undefined && !isBuried && !this.#lost.signal.aborted) this.#buried = record.offset + 1n
    return row
  }

  async #add(row: Row): Promise<void> {
    if (this.#segment.endsBefore(row, this.#parts.limits)) await this.#write()
    this.#segment.add(row)
  }

  async #write(): Promise<void> {
    const { at, place, onFile } = this.#parts
    const segment = this.#segment
    const last = segment.rows.at(-1)
    if (last === undefined) return
    this.#segment = new Segment(at)
    const { key } = segment
    let next = last.offset + 1n
    const file = new PutOnce(place, key, segment.encode(), next)
    // Each step by itself: a commit that is tried again must not take the file for another's.
    await this.#persist(async () => {
      const begun = performance.now()
      const put = await file.try()
      next = put.next
      const milliseconds = performance.now() - begun
      onFile({ key, records: segment.rows.length, written: put.written, milliseconds })
    })
    // A file that was there may hold more than this one would have, or less.
    const left = segment.rows.filter((row) => row.offset >= next)
    if (next > this.#next) this.#next = next
    if (next > this.#through) this.#through = next
    await this.#commit(left.length > 0 ? next : this.#through)
    for (const row of left) await this.#add(row)
  }

  async #commit(offset: bigint): Promise<void> {
    const { at, consumer } = this.#parts
    const mark = { offset, buried: this.#buried > offset ? this.#buried : offset }
    const metadata = markText(mark)
    await this.#persist(async () => {
      const checkpoint = { ...at, offset, ...(metadata !== undefined && { metadata }) }
      await consumer()
        ?.commit([checkpoint])
        .catch((error: StanflowError) => {
          // Whoever has the partition now will find the file.
          if (error.code !== 'KAFKA_FENCED') throw error
        })
    })
    this.#committed = mark
  }

  /** Goes on trying while what is wrong may pass, or until the partition is lost. @throws what does not pass */
  async #persist(step: () => Promise<void>): Promise<void> {
    const { draining, log, at, onFailure } = this.#parts
    const { signal } = this.#lost
    if (signal.aborted) return
    const again = patience({
      ...{ passing: PASSING, signal, enough: (tries) => draining.aborted && tries >= DRAINING_TRIES },
      onWait: ({ code, message: reason }) => {
        this.#waitsFor = `${code}: ${reason}`
        log.warn({ code, reason, partition: partitionKey(at) }, 'tried again')
      },
    })
    try {
      await persist(step, again)
    } catch (error) {
      if (signal.aborted) return
      onFailure(asStanflowError(error))
      // Nothing after it may be written: the offset committed with that would pass over what is missing.
      throw error
    } finally {
      this.#waitsFor = undefined
    }
  }
}
