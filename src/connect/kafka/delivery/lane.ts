import { setTimeout as sleep } from 'node:timers/promises'
import { asStanflowError, type StanflowError } from '../../../errors.js'
import {
  type Consumer,
  type OutgoingRecord,
  partitionKey,
  type RecordBatch,
  type TopicPartition,
} from '../client.js'
import { within } from '../errors.js'
import { Backlog } from './backlog.js'
import type { Cut } from './cut.js'
import { Failures } from './failures.js'
import { Hold, type HoldOptions, type Standing } from './hold.js'
import { letGo } from './note.js'
import { Position } from './position.js'
import type { Work } from './work.js'

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

/** Results that come within this time share a transaction. */
const LINGER_MS = 5
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
  readonly #backlog: Backlog
  readonly #position = new Position()
  readonly #failures = new Failures()
  /** Failed: going on makes no sense, and all is about to be closed. */
  #state: 'opening' | 'open' | 'failed' | 'closed' = 'opening'
  #opening: Promise<void>
  readonly #closing = new AbortController()
  #hold: Hold | undefined
  /** Transactions, one after the other. */
  #chain: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(options: LaneOptions) {
    const { at, attempts, consumer, events } = options
    this.#options = options
    this.at = at
    this.#backlog = new Backlog({
      ...{ at, attempts, pause: () => consumer().pause(at), resume: () => consumer().resume(at) },
      ...{ onResults: () => this.#schedule(), onReady: () => events.ready() },
    })
    this.#opening = this.#open()
  }

  get facts(): LaneFacts {
    const { queued, inWork, since, waitsFor } = this.#backlog
    const lag = this.#position.lag(this.#isIdle)
    const behind = since === undefined ? 0 : Math.max(0, Date.now() - since) / 1000
    const facts = { queued, inWork, lag, behind, open: this.#state === 'open' }
    return { ...facts, ...(waitsFor !== undefined && { waitsFor }) }
  }

  /** True where records are to be worked on one by one, as the next may be what killed other processes. */
  get suspicious(): boolean {
    return this.#backlog.suspicious
  }

  /** What the consumer got. */
  put({ records, high }: RecordBatch): void {
    this.#position.ends(high)
    if (this.#state !== 'open') return
    this.#backlog.put(records)
    this.#options.events.ready()
  }

  /** How far the consumer has come, marks of transactions included. */
  reached(offset: bigint, high: bigint): void {
    if (this.#state !== 'open') return
    this.#position.reached(offset)
    this.#position.ends(high)
  }

  /**
   * From time to time: the log's end, which a queue that is full asks nothing about. Where nothing is left but marks of
   * transactions, they are committed as passed, so that whoever asks the broker sees no lag either.
   */
  look(high: bigint): void {
    this.#position.endsAtLeast(high)
    if (this.#passable === undefined) return
    void this.#enqueue(async () => {
      const offset = this.#passable
      if (offset !== undefined) await this.#stand({ ...this.#position.standing, offset })
    })
  }

  /** Whether there is nothing to do. */
  get #isIdle(): boolean {
    return this.#state === 'open' && this.#backlog.isEmpty
  }

  get #passable(): bigint | undefined {
    return this.#isIdle ? this.#position.passable : undefined
  }

  /** The next record to work on, if there is one. */
  take(): Work | undefined {
    return this.#state === 'open' ? this.#backlog.take(this.#position.standing) : undefined
  }

  /** As `take`, for a record that may kill this process: first it is committed that it is being worked on. */
  async takeSuspect(): Promise<Work | undefined> {
    const work = this.take()
    if (work === undefined || work.quarantined) return work
    const hold = this.#hold
    await this.#enqueue(async () => {
      if (this.#hold !== hold || this.#state !== 'open') return
      const { standing } = this.#position
      await this.#stand({ ...standing, note: { ...standing.note, alone: true } })
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
      await this.#transact({ ...this.#position.standing, records, done: [] })
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
      const { standing } = this.#position
      await this.#stand({ ...standing, note: letGo(standing.note) })
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
    this.#position.begin(standing.offset, high)
    await this.#stand(standing)
    if (this.#isClosed()) return
    this.#backlog.begin(standing.note)
    this.#state = 'open'
    this.#failures.end()
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
      const next = this.#backlog.cut(this.#position.standing, { by, recipe })
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
    this.#position.committed({ offset, note })
    this.#backlog.committed(done)
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
    const pause = this.#failures.next(error)
    events.lost(this.at, error)
    await hold?.close()
    if (pause === undefined) {
      if (!this.#isClosed()) this.#state = 'failed'
      events.failed(error)
      return
    }
    await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }

  #loseWork(): void {
    this.#backlog.lose()
    this.#options.events.ready()
  }
}
