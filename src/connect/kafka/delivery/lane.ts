import { setTimeout as sleep } from 'node:timers/promises'
import { asStanflowError, type StanflowError } from '../../../errors.js'
import { pauseMs } from '../../../persist.js'
import {
  type Consumer,
  type OutgoingRecord,
  partitionKey,
  type RecordBatch,
  type TopicPartition,
} from '../client.js'
import { within } from '../errors.js'
import { type Cut, cut } from './cut.js'
import { Hold, type HoldOptions, type Standing } from './hold.js'
import { FRESH, isSuspect, letGo } from './note.js'
import { Queue } from './queue.js'
import { Work } from './work.js'

export interface LaneOptions extends HoldOptions {
  readonly consumer: () => Consumer
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

/** How a partition stands, to whoever watches. */
export interface LaneFacts {
  readonly queued: number
  readonly inWork: number
  /** Records between what is committed and the end of the log; 0 where all that is left are marks of transactions. */
  readonly lag: number
  /** Seconds since the oldest record was written that was taken in and is not done with; 0 where there is none. */
  readonly behind: number
  readonly open: boolean
  /** What a record of it waits for, if one does. */
  readonly waitsFor?: string
}

/** Records worked on at once. */
const IN_WORK = 64
/** Results that come within this time share a transaction. */
const LINGER_MS = 5
/** Once a record was suspected, so many after it are worked on one by one too. */
const WARY = 16
const FATAL: readonly string[] = ['KAFKA_AUTH', 'KAFKA_FORBIDDEN', 'KAFKA_TOO_LARGE', 'KAFKA_TLS', 'INTERNAL']
/** A broker that starts knows of no topics for a moment. */
const MISSING_TRIES = 6
const BACKOFF_MS = 200
const MOST_BACKOFF_MS = 5000
/** Someone else may have the partition: whoever of both does not belong there is about to hear of it. */
const FENCED_MS = 1000
/** What letting go may take where the hold is of no use any more. */
const LET_GO_MS = 15_000

/**
 * One partition: records come in, are worked on, and their results go out with the offset in one transaction after the
 * other. Whatever goes wrong with one, the lane throws away what is not committed, takes hold of the partition anew and
 * goes on from where the group stands.
 */
export class Lane {
  readonly at: TopicPartition
  readonly #options: LaneOptions
  readonly #queue: Queue
  readonly #works: Work[] = []
  /** Failed: going on makes no sense, and all is about to be closed. */
  #state: 'opening' | 'open' | 'failed' | 'closed' = 'opening'
  #opening: Promise<void>
  readonly #closing = new AbortController()
  #hold: Hold | undefined
  /** What is committed. */
  #standing: Standing = { offset: 0n, note: FRESH }
  #high = 0n
  /** Everything before it came in, or is nothing to work on. */
  #reached = 0n
  #wary = 0
  #failures = 0
  /** Transactions, one after the other. */
  #chain: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(options: LaneOptions) {
    const { at, consumer } = options
    this.#options = options
    this.at = at
    this.#queue = new Queue({ pause: () => consumer().pause(at), resume: () => consumer().resume(at) })
    this.#opening = this.#open()
  }

  get facts(): LaneFacts {
    const from = this.#idleAt ?? this.#standing.offset
    const lag = this.#high > from ? Number(this.#high - from) : 0
    const oldest = (this.#works[0]?.record ?? this.#queue.first)?.timestamp
    const behind = oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000
    const [queued, inWork, waitsFor] = [this.#queue.length, this.#works.length, this.#waitsFor]
    const facts = { queued, inWork, lag, behind, open: this.#state === 'open' }
    return { ...facts, ...(waitsFor !== undefined && { waitsFor }) }
  }

  get #waitsFor(): string | undefined {
    return this.#works.find(({ waitsFor }) => waitsFor !== undefined)?.waitsFor
  }

  /** True where records are to be worked on one by one, as the next may be what killed other processes. */
  get suspicious(): boolean {
    return this.#wary > 0
  }

  /** What the consumer got. */
  put({ records, high }: RecordBatch): void {
    this.#high = high
    if (this.#state !== 'open') return
    this.#queue.put(records)
    this.#options.events.ready()
  }

  /** How far the consumer has come, marks of transactions included. */
  reached(offset: bigint, high: bigint): void {
    if (this.#state !== 'open') return
    this.#reached = offset
    this.#high = high
  }

  /**
   * From time to time: the log's end, which a queue that is full asks nothing about. Where nothing is left but marks of
   * transactions, they are committed as passed, so that whoever asks the broker sees no lag either.
   */
  look(high: bigint): void {
    if (high > this.#high) this.#high = high
    if (this.#passable === undefined) return
    void this.#enqueue(async () => {
      const offset = this.#passable
      if (offset !== undefined) await this.#stand({ ...this.#standing, offset })
    })
  }

  /** Where it stands with nothing to do; undefined where something is. */
  get #idleAt(): bigint | undefined {
    if (this.#state !== 'open' || this.#works.length + this.#queue.length > 0) return undefined
    const { offset } = this.#standing
    if (this.#reached > offset) return this.#reached
    return offset
  }

  /** What may be committed with no record done: clips that a note counts are of a record that is still to come. */
  get #passable(): bigint | undefined {
    const at = this.#standing.note.clips > 0 ? undefined : this.#idleAt
    return at !== undefined && at > this.#standing.offset ? at : undefined
  }

  /** The next record to work on, if there is one. */
  take(): Work | undefined {
    const most = this.suspicious ? 1 : IN_WORK
    if (this.#state !== 'open' || this.#works.length >= most || this.#waitsFor !== undefined) return undefined
    const record = this.#queue.take()
    if (record === undefined) return undefined
    const { at } = this
    const { offset, note } = this.#standing
    const isHead = this.#works.length === 0
    // Before the first record there may be marks of transactions; but clips were committed with the record's own offset.
    const { deaths } = isHead ? note : FRESH
    const skip = isHead && record.offset === offset ? note.clips : 0
    const quarantined = deaths >= this.#options.attempts
    const onChange = (): void => this.#schedule()
    const onGoingOn = (): void => this.#options.events.ready()
    const work = new Work({ at, record, skip, deaths, quarantined, onChange, onGoingOn })
    if (isHead) work.becomeHead()
    this.#works.push(work)
    return work
  }

  /** As `take`, for a record that may kill this process: first it is committed that it is being worked on. */
  async takeSuspect(): Promise<Work | undefined> {
    const work = this.take()
    if (work === undefined || work.quarantined) return work
    const hold = this.#hold
    await this.#enqueue(async () => {
      if (this.#hold !== hold || this.#state !== 'open') return
      await this.#stand({ ...this.#standing, note: { ...this.#standing.note, alone: true } })
    })
    return work.signal.aborted ? undefined : work
  }

  /**
   * Commits what follows from no record, in a transaction of its own. `make` is asked once nothing that was given waits to be
   * committed; where its records come to nothing, the lane is lost as after any transaction that fails. Resolves with whether
   * they were committed.
   */
  async aside(make: () => Promise<readonly OutgoingRecord[]>): Promise<boolean> {
    let isCommitted = false
    await this.#enqueue(async () => {
      await this.#commit()
      if (this.#state !== 'open') return
      const records = await make()
      if (records.length === 0) return
      await this.#transact({ ...this.#standing, records, done: [] })
      isCommitted = true
    })
    return isCommitted
  }

  /**
   * Commits what there is to commit, and says that the partition was let go in order, so that the end of this process,
   * whatever the reason, counts as no death.
   */
  async release(): Promise<void> {
    await this.#enqueue(() => this.#commit())
    let isLetGo = false
    await this.#enqueue(async () => {
      if (this.#state !== 'open') return
      await this.#stand({ ...this.#standing, note: letGo(this.#standing.note) })
      isLetGo = true
    })
    if (isLetGo) return
    this.#shut()
    const letting = this.#opening.then(() => Hold.letGo(this.#options))
    // Where the broker cannot be reached either, the next process takes this one for dead: once does no harm.
    await within(LET_GO_MS, `Cannot let go of ${partitionKey(this.at)}`, letting).catch(() => undefined)
  }

  /** Lets go: what is not committed is another's to do. */
  async close(): Promise<void> {
    this.#shut()
    this.#loseWork()
    await this.#chain
    await this.#hold?.close()
    this.#hold = undefined
  }

  #shut(): void {
    this.#state = 'closed'
    this.#closing.abort()
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
    const hold = await Hold.take(this.#options)
    if (this.#isClosed()) return hold.close()
    this.#hold = hold
    const { high, ...standing } = await hold.standing()
    this.#high = high
    this.#reached = standing.offset
    await this.#stand(standing)
    if (this.#isClosed()) return
    this.#wary = isSuspect(standing.note, this.#options.attempts) ? WARY : 0
    this.#state = 'open'
    this.#failures = 0
    this.#options.consumer().start(this.at, standing.offset)
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
    const { me: by, recipe } = this.#options
    while (this.#state === 'open') {
      const next = cut(this.#works, this.#standing, { by, recipe })
      if (next === undefined) return
      await this.#transact(next)
    }
  }

  #stand(standing: Standing): Promise<void> {
    return this.#transact({ ...standing, records: [], done: [] })
  }

  async #transact({ records, offset, note, done }: Cut): Promise<void> {
    const { events } = this.#options
    const begun = performance.now()
    if (this.#hold === undefined) return
    await this.#hold.commit(records, { offset, note })
    this.#standing = { offset, note }
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
      this.#opening = this.#open()
    })
    return this.#chain
  }

  /** The producer is not to be trusted any more, and nothing that was not committed counts. */
  async #failed(thrown: unknown): Promise<void> {
    const error = asStanflowError(thrown)
    const { consumer, events } = this.#options
    this.#loseWork()
    consumer().pause(this.at)
    const hold = this.#hold
    this.#hold = undefined
    if (this.#isClosed()) return hold?.close()
    this.#failures++
    events.lost(this.at, error)
    const isMissing = error.code === 'KAFKA_TOPIC_MISSING' && this.#failures >= MISSING_TRIES
    await hold?.close()
    if (FATAL.includes(error.code) || isMissing) {
      if (!this.#isClosed()) this.#state = 'failed'
      events.failed(error)
      return
    }
    const isFenced = error.code === 'KAFKA_FENCED'
    const pause = isFenced
      ? pauseMs(0, FENCED_MS, FENCED_MS)
      : pauseMs(this.#failures - 1, BACKOFF_MS, MOST_BACKOFF_MS)
    await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }

  #loseWork(): void {
    for (const work of this.#works.splice(0)) work.lose()
    this.#queue.clear()
    this.#options.events.ready()
  }
}
