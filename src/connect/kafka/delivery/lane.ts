import { setTimeout as sleep } from 'node:timers/promises'
import { asStanflowError, StanflowError } from '../../../errors.js'
import {
  type Admin,
  type ConsumedRecord,
  type Consumer,
  type KafkaClient,
  type OutgoingRecord,
  partitionKey,
  type RecordBatch,
  type TopicPartition,
  type TransactionalProducer,
} from '../client.js'
import { FRESH, isSuspect, type Note, noteText, parseNote, takenOver } from './note.js'
import { Work } from './work.js'

export interface LaneOptions {
  readonly at: TopicPartition
  readonly client: KafkaClient
  readonly admin: Admin
  readonly consumer: () => Consumer
  readonly group: string
  /** Names this process among the members of the group. */
  readonly me: string
  /** What results are made by: clips committed under another recipe do not count. */
  readonly recipe: string
  /** Deaths after which a record is not worked on any more. */
  readonly attempts: number
  /** Milliseconds. */
  readonly transactionTimeout: number
  readonly events: LaneEvents
}

export interface LaneEvents {
  /** There may be a record to take. */
  readonly ready: () => void
  readonly committed: (facts: { at: TopicPartition; records: number; milliseconds: number }) => void
  /** A transaction came to nothing; the lane goes on from what is committed. */
  readonly lost: (at: TopicPartition, error: StanflowError) => void
  /** Going on makes no sense. */
  readonly failed: (error: StanflowError) => void
}

interface Cut {
  readonly records: readonly OutgoingRecord[]
  readonly offset: bigint
  readonly note: Note
  readonly done: readonly Work[]
}

/** Records that wait for work; a partition is paused beyond it. */
const QUEUE = 64
const QUEUE_BYTES = 16 * 1024 * 1024
/** Records worked on at once. */
const IN_WORK = 64
const TRANSACTION_BYTES = 2 * 1024 * 1024
/** Results that come within this time share a transaction. */
const LINGER_MS = 5
/** Once a record was suspected, so many after it are worked on one by one too. */
const WARY = 16
const FATAL: readonly string[] = ['KAFKA_AUTH', 'KAFKA_FORBIDDEN', 'KAFKA_TOO_LARGE', 'KAFKA_TLS']
/** A broker that starts knows of no topics for a moment. */
const MISSING_TRIES = 6
const BACKOFF_MS = 200
const MOST_BACKOFF_MS = 5000

/**
 * One partition, held by one transactional producer whose id is made of group, topic and partition. Taking hold of the
 * id fences whoever had the partition before, and only then is it read where the group stands: so between that reading
 * and any commit of this lane nobody else can have committed. Results, dead letters and offset go in one transaction.
 * Whatever goes wrong with it, the lane throws away what is not committed, takes hold anew and goes on from there.
 */
export class Lane {
  readonly at: TopicPartition
  readonly #options: LaneOptions
  #producer: TransactionalProducer | undefined
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #queue: ConsumedRecord[] = []
  #queuedBytes = 0
  #paused = false
  readonly #works: Work[] = []
  /** What is committed. */
  #offset = 0n
  #note: Note = FRESH
  #high = 0n
  #wary = 0
  #failures = 0
  /** Transactions, one after the other. */
  #chain: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(options: LaneOptions) {
    this.#options = options
    this.at = options.at
    void this.#open()
  }

  get facts(): { queued: number; inWork: number; lag: number; open: boolean } {
    const lag = this.#high > this.#offset ? Number(this.#high - this.#offset) : 0
    return { queued: this.#queue.length, inWork: this.#works.length, lag, open: this.#state === 'open' }
  }

  /** True where records are to be worked on one by one, as the next may be what killed other processes. */
  get suspicious(): boolean {
    return this.#wary > 0
  }

  /** What the consumer got. */
  put({ records, high }: RecordBatch): void {
    this.#high = high
    if (this.#state !== 'open') return
    for (const record of records) {
      this.#queue.push(record)
      this.#queuedBytes += record.value?.length ?? 0
    }
    if (this.#queue.length >= QUEUE || this.#queuedBytes >= QUEUE_BYTES) {
      this.#paused = true
      this.#options.consumer().pause(this.at)
    }
    this.#options.events.ready()
  }

  /** The next record to work on, if there is one. */
  take(): Work | undefined {
    const most = this.suspicious ? 1 : IN_WORK
    if (this.#state !== 'open' || this.#works.length >= most) return undefined
    const record = this.#queue.shift()
    if (record === undefined) return undefined
    this.#queuedBytes -= record.value?.length ?? 0
    if (this.#paused && this.#queue.length < QUEUE / 2 && this.#queuedBytes < QUEUE_BYTES / 2) {
      this.#paused = false
      this.#options.consumer().resume(this.at)
    }
    const isHead = this.#works.length === 0
    // Before the first record there may be marks of transactions; but clips were committed with the record's own offset.
    const { deaths } = isHead ? this.#note : FRESH
    const work = new Work({
      at: this.at,
      record,
      skip: isHead && record.offset === this.#offset ? this.#note.clips : 0,
      deaths,
      quarantined: deaths >= this.#options.attempts,
      onChange: () => this.#schedule(),
    })
    if (isHead) work.becomeHead()
    this.#works.push(work)
    return work
  }

  /** As `take`, for a record that may kill this process: first it is committed that it is being worked on. */
  async takeSuspect(): Promise<Work | undefined> {
    const work = this.take()
    if (work === undefined || work.quarantined) return work
    const producer = this.#producer
    await this.#enqueue(async () => {
      if (this.#producer !== producer || this.#state !== 'open') return
      await this.#transact({
        records: [],
        offset: this.#offset,
        note: { ...this.#note, alone: true },
        done: [],
      })
    })
    return work.signal.aborted ? undefined : work
  }

  /** Commits what there is to commit, and says that the partition was let go in order. */
  async release(): Promise<void> {
    await this.#enqueue(() => this.#commit())
    await this.#enqueue(async () => {
      if (this.#state !== 'open') return
      const { by: _, alone: __, ...note } = this.#note
      await this.#transact({ records: [], offset: this.#offset, note, done: [] })
    })
  }

  /** Lets go: what is not committed is another's to do. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#loseWork()
    await this.#chain
    await this.#producer?.close()
    this.#producer = undefined
  }

  async #open(): Promise<void> {
    while (this.#state === 'opening') {
      try {
        await this.#takeHold()
        return
      } catch (error) {
        await this.#failed(error)
      }
    }
  }

  async #takeHold(): Promise<void> {
    const { client, admin, group, me, recipe, attempts, transactionTimeout } = this.#options
    const { topic, partition } = this.at
    const producer = await client.transactional(`${group}-${topic}-${partition}`, transactionTimeout)
    if (this.#isClosed()) return producer.close()
    this.#producer = producer
    const committed = (await admin.checkpoints(group, topic)).find((one) => one.partition === partition)
    const range = (await admin.ranges(topic)).find((one) => one.partition === partition)
    if (range === undefined)
      throw new StanflowError('KAFKA_TOPIC_MISSING', `${partitionKey(this.at)} is gone.`)
    const isThere = committed !== undefined && committed.offset >= range.low
    const found = isThere ? parseNote(committed.metadata) : FRESH
    const members = found.by === undefined || found.by === me ? [] : await admin.members(group)
    const note = takenOver(found, { me, recipe, attempts, isAlive: (by) => members.includes(by) })
    this.#high = range.high
    await this.#transact({ records: [], offset: isThere ? committed.offset : range.low, note, done: [] })
    if (this.#isClosed()) return
    this.#wary = isSuspect(note, attempts) ? WARY : 0
    this.#state = 'open'
    this.#paused = false
    this.#failures = 0
    this.#options.consumer().start(this.at, this.#offset)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    void this.#enqueue(async () => {
      await sleep(LINGER_MS)
      this.#scheduled = false
      await this.#commit()
    })
  }

  async #commit(): Promise<void> {
    for (let cut = this.#cut(); cut !== undefined; cut = this.#cut()) await this.#transact(cut)
  }

  /** What can be committed next: results in the order of the records, up to the first that is not done. */
  #cut(): Cut | undefined {
    if (this.#state !== 'open') return undefined
    const records: OutgoingRecord[] = []
    const done: Work[] = []
    let [offset, clips] = [this.#offset, this.#note.clips]
    let progress = false
    let room = TRANSACTION_BYTES
    for (const work of this.#works) {
      const taken = work.take(room)
      records.push(...taken.records)
      for (const { value } of taken.records) room -= (value?.length ?? 0) + 100
      progress ||= taken.clips > 0 || taken.done
      if (!taken.done) {
        // The offset of the first record may be beyond the committed one: in between are marks of transactions.
        if (taken.clips > 0)
          [offset, clips] = [work.record.offset, (offset === work.record.offset ? clips : 0) + taken.clips]
        break
      }
      done.push(work)
      ;[offset, clips] = [work.record.offset + 1n, 0]
      if (room <= 0) break
    }
    if (!progress) return undefined
    return {
      records,
      offset,
      note: { clips, deaths: 0, by: this.#options.me, recipe: this.#options.recipe },
      done,
    }
  }

  async #transact({ records, offset, note, done }: Cut): Promise<void> {
    const { group, events } = this.#options
    const producer = this.#producer
    if (producer === undefined) return
    const begun = performance.now()
    const transaction = await producer.begin()
    if (records.length > 0) await transaction.send(records)
    await transaction.checkpoint(group, [{ ...this.at, offset, metadata: noteText(note) }])
    await transaction.commit()
    this.#offset = offset
    this.#note = note
    this.#wary = Math.max(0, this.#wary - done.length)
    this.#works.splice(0, done.length)
    for (const work of done) work.commit()
    this.#works[0]?.becomeHead()
    events.committed({ at: this.at, records: records.length, milliseconds: performance.now() - begun })
    if (done.length > 0) events.ready()
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#chain = this.#chain.then(step).catch(async (error: unknown) => {
      if (this.#state !== 'open') return
      this.#state = 'opening'
      await this.#failed(error)
      void this.#open()
    })
    return this.#chain
  }

  /** The producer is not to be trusted any more, and nothing that was not committed counts. */
  async #failed(thrown: unknown): Promise<void> {
    const error = asStanflowError(thrown)
    const { consumer, events } = this.#options
    this.#loseWork()
    consumer().pause(this.at)
    const producer = this.#producer
    this.#producer = undefined
    if (this.#isClosed()) {
      await producer?.close()
      return
    }
    this.#failures++
    events.lost(this.at, error)
    const missing = error.code === 'KAFKA_TOPIC_MISSING' && this.#failures >= MISSING_TRIES
    if (FATAL.includes(error.code) || error.code === 'INTERNAL' || missing) events.failed(error)
    await producer?.close()
    // Someone else may have the partition: whoever of both does not belong there is about to hear of it.
    const wait = error.code === 'KAFKA_FENCED' ? 1000 : BACKOFF_MS * 2 ** Math.min(this.#failures - 1, 5)
    await sleep(Math.min(wait, MOST_BACKOFF_MS) * (0.5 + Math.random()))
  }

  #loseWork(): void {
    for (const work of this.#works.splice(0)) work.lose()
    this.#queue = []
    this.#queuedBytes = 0
    this.#options.events.ready()
  }
}
