import type { Blobs } from '../../src/connect/blobs.js'
import {
  type Admin,
  type ConsumedRecord,
  type Consumer,
  type ConsumerOptions,
  type KafkaClient,
  type Producer,
  partitionKey,
  type RecordBatch,
  type TopicPartition,
} from '../../src/connect/kafka/client.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { ErrorCode, StanflowError } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import { type Logger, silentLog } from '../../src/telemetry/log.js'
import { type BehindFacts, Metrics } from '../../src/telemetry/metrics.js'
import { processName } from '../kafka.js'
import type { ArchiveHooks, ArchiveOptions, ArchiveSummary } from './options.js'
import { PutOnce } from './put.js'
import { Rows } from './rows.js'
import { type Limits, type Row, Segment } from './segment.js'

/** Results held in memory at most, in all partitions; beyond it the largest file is cut early. */
const HELD_BYTES = 256 * 1024 * 1024
const FILE_BYTES = 64 * 1024 * 1024
/** Fetched and not looked at yet, per partition, before it is paused. */
const QUEUE = 2000
const TICK_MS = 250
/** Once everything is to end, what may pass is not waited for without end. */
const DRAINING_TRIES = 5
/** What passes by itself. */
const PASSING: readonly ErrorCode[] = [
  'S3_UNAVAILABLE',
  'KAFKA_UNREACHABLE',
  'KAFKA_UNCERTAIN',
  'KAFKA_FULL',
  'KAFKA_REGISTRY',
]

export interface ArchiveParts {
  readonly options: ArchiveOptions
  readonly hooks: ArchiveHooks
  readonly client: KafkaClient
  readonly admin: Admin
  readonly producer: Producer
  readonly topics: readonly string[]
  readonly place: Blobs
  /** Waits for a broker that is away before the group is joined. */
  readonly again: Again
}

interface Held {
  readonly at: TopicPartition
  readonly queue: ConsumedRecord[]
  segment: Segment
  /** Of the next record that is to go into a file. */
  next: bigint
  paused: boolean
  /** Aborted when the partition goes elsewhere. */
  readonly lost: AbortController
}

/**
 * A file's name is its first record's offset, and it is written only where there is none of that name; the group's
 * offset is committed after it. So whoever comes upon a file that is there already knows that its records are done, and
 * reads in it how far it goes: files follow one another without gap or overlap, whoever dies when.
 */
export class ArchiveJob {
  readonly #parts: ArchiveParts
  readonly #log: Logger
  readonly #metrics: Metrics
  readonly #signal: AbortSignal
  readonly #limits: Limits
  readonly #rows: Rows
  readonly #counts = { records: 0, files: 0, found: 0 }
  readonly #held = new Map<string, Held>()
  #consumer: Consumer | undefined
  #failure: Error | undefined
  #wake = (): void => undefined
  #lastMs = Date.now()

  constructor(parts: ArchiveParts) {
    const { options, hooks, producer } = parts
    const { rollRecords: records, rollTime, prefix, registry, group } = options
    this.#parts = parts
    this.#log = hooks.log ?? silentLog()
    this.#metrics = hooks.metrics ?? new Metrics({ process: false })
    this.#signal = hooks.signal ?? new AbortController().signal
    this.#limits = { records, bytes: FILE_BYTES, span: rollTime * 1000 }
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    this.#metrics.behind(() => [...this.#held.values()].map(behind))
    this.#rows = new Rows({ prefix, group, wire, producer, log: this.#log, metrics: this.#metrics })
  }

  async run(): Promise<ArchiveSummary> {
    const { options, hooks, client, topics, place, again } = this.#parts
    const early: (readonly TopicPartition[])[] = []
    const joining: ConsumerOptions = {
      ...{
        group: options.group,
        topics,
        clientId: processName(),
        sessionTimeout: options.sessionTimeout * 1000,
      },
      events: {
        assigned: (partitions) => {
          if (this.#consumer === undefined) early.push(partitions)
          else this.#assigned(partitions)
        },
        records: (batch) => this.#take(batch),
        failed: (error) => {
          this.#failure = error
          this.#wake()
        },
      },
    }
    this.#consumer = await persist(() => client.consumer(joining), again)
    for (const partitions of early) this.#assigned(partitions)
    hooks.onReady?.()
    const stop = (): void => this.#wake()
    this.#signal.addEventListener('abort', stop)
    try {
      while (!this.#signal.aborted && !this.#isQuiet()) {
        if (this.#failure !== undefined) throw this.#failure
        const woken = this.#woken()
        await Promise.all([...this.#held.values()].map((held) => this.#sort(held)))
        if ([...this.#held.values()].every(({ queue }) => queue.length === 0)) await woken
      }
      // What is left is a file of its own: nothing waits for the next run that need not.
      for (const held of this.#held.values()) {
        await this.#sort(held)
        while (held.segment.first !== undefined) await this.#write(held)
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.#signal.removeEventListener('abort', stop)
      await this.#consumer.stop()
    }
    return { to: place.location, ...this.#counts, deadLetters: this.#rows.deadLetters }
  }

  #isQuiet(): boolean {
    const { untilQuiet } = this.#parts.options
    if (untilQuiet === undefined || this.#held.size === 0) return false
    return Date.now() - this.#lastMs > untilQuiet * 1000
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, TICK_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #assigned(partitions: readonly TopicPartition[]): void {
    const now = new Set(partitions.map(partitionKey))
    for (const [key, { lost }] of this.#held) {
      if (now.has(key)) continue
      lost.abort()
      this.#held.delete(key)
    }
    for (const at of partitions) {
      if (this.#held.has(partitionKey(at))) continue
      const held = {
        at,
        queue: [],
        segment: new Segment(at),
        next: 0n,
        paused: false,
        lost: new AbortController(),
      }
      this.#held.set(partitionKey(at), held)
      // What goes wrong is thrown by `run`.
      this.#begin(held).catch(() => undefined)
    }
    this.#log.info({ partitions: partitions.length }, 'partitions assigned')
  }

  /** Begins where the group stands. */
  async #begin(held: Held): Promise<void> {
    await this.#persist(held, async () => {
      const { admin, options } = this.#parts
      const { topic, partition } = held.at
      const range = (await admin.ranges(topic)).find((one) => one.partition === partition)
      const committed = (await admin.checkpoints(options.group, topic)).find(
        (one) => one.partition === partition,
      )
      if (held.lost.signal.aborted) return
      held.next = committed?.offset ?? range?.low ?? 0n
      this.#consumer?.start(held.at, held.next)
    })
  }

  #take(batch: RecordBatch): void {
    const held = this.#held.get(partitionKey(batch))
    if (held === undefined) return
    for (const record of batch.records) held.queue.push(record)
    if (held.queue.length > QUEUE && !held.paused) {
      held.paused = true
      this.#consumer?.pause(held.at)
    }
    this.#lastMs = Date.now()
    this.#wake()
  }

  /** Puts what has come into files, and writes those that are done. */
  async #sort(held: Held): Promise<void> {
    const { queue, at } = held
    for (const record of queue.splice(0)) {
      if (held.lost.signal.aborted) return
      if (record.offset < held.next) continue
      held.next = record.offset + 1n
      const row = await this.#row(held, record)
      if (row !== undefined) await this.#add(held, row)
    }
    if (held.paused) {
      held.paused = false
      this.#consumer?.resume(at)
    }
    const { segment } = held
    const isOld = segment.first !== undefined && Date.now() - segment.begunMs > this.#limits.span
    const sizes = [...this.#held.values()].map((one) => one.segment.bytes)
    const isTooMuch = sizes.reduce((a, b) => a + b, 0) > HELD_BYTES && segment.bytes === Math.max(...sizes)
    if (isOld || isTooMuch) await this.#write(held)
  }

  async #add(held: Held, row: Row): Promise<void> {
    if (held.segment.endsBefore(row, this.#limits)) await this.#write(held)
    held.segment.add(row)
  }

  async #row(held: Held, record: ConsumedRecord): Promise<Row | undefined> {
    let row: Row | undefined
    await this.#persist(held, async () => {
      row = await this.#rows.of(held.at, record)
    })
    return row
  }

  async #write(held: Held): Promise<void> {
    const { segment, at } = held
    const last = segment.rows.at(-1)
    if (last === undefined) return
    held.segment = new Segment(at)
    const { key } = segment
    let next = last.offset + 1n
    const file = new PutOnce(this.#parts.place, key, segment.encode(), next)
    // Each step by itself: a commit that is tried again must not take the file for another's.
    await this.#persist(held, async () => {
      const begun = performance.now()
      const put = await file.try()
      this.#metrics.stage('put', performance.now() - begun)
      this.#count(key, segment.rows.length, put.written)
      next = put.next
    })
    await this.#persist(held, async () => {
      await this.#consumer?.commit([{ ...at, offset: next }]).catch((error: StanflowError) => {
        // Whoever has the partition now will find the file.
        if (error.code !== 'KAFKA_FENCED') throw error
      })
    })
    // A file that was there may hold more than this one would have, or less.
    if (next > held.next) held.next = next
    for (const row of segment.rows) if (row.offset >= next) await this.#add(held, row)
  }

  #count(key: string, records: number, written: boolean): void {
    this.#metrics.object(written ? 'written' : 'there')
    this.#counts[written ? 'files' : 'found']++
    if (written) this.#counts.records += records
    this.#log.info({ key, records }, written ? 'file written' : 'file was there')
  }

  /** Goes on trying while what is wrong may pass, or until the partition is lost. @throws what does not pass */
  async #persist(held: Held, step: () => Promise<void>): Promise<void> {
    const { signal } = held.lost
    if (signal.aborted) return
    const again = patience({
      ...{ passing: PASSING, signal, enough: (tries) => this.#signal.aborted && tries >= DRAINING_TRIES },
      onWait: ({ code, message: reason }) =>
        this.#log.warn({ code, reason, partition: partitionKey(held.at) }, 'tried again'),
    })
    try {
      await persist(step, again)
    } catch (error) {
      if (signal.aborted) return
      this.#failure ??= error as StanflowError
      this.#wake()
      // Nothing after it may be written: the offset committed with that would pass over what is missing.
      throw error
    }
  }
}

/** How long the oldest record of a partition has waited for its file. */
function behind({ at, segment, queue }: Held): BehindFacts {
  const oldest = (segment.first ?? queue[0])?.timestamp
  return { ...at, behind: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000 }
}
