import type { ConsumedRecord, TopicPartition } from '../client.js'
import { type Cut, cut } from './cut.js'
import type { Standing } from './hold.js'
import { FRESH, isSuspect, type Note } from './note.js'
import { Queue } from './queue.js'
import { Work } from './work.js'

export interface BacklogOptions {
  readonly at: TopicPartition
  /** Deaths after which a record is not worked on any more. */
  readonly attempts: number
  /** No more records are to come, or again some. */
  readonly pause: () => void
  readonly resume: () => void
  /** There may be results to commit. */
  readonly onResults: () => void
  /** There may be a record to take. */
  readonly onReady: () => void
}

/** Records worked on at once. */
const IN_WORK = 64
/** Once a record was suspected, so many after it are worked on one by one too. */
const WARY = 16

/** A partition's records that are not committed, in their order: those in work, and behind them those that wait for it. */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #queue: Queue
  readonly #works: Work[] = []
  #wary = 0

  constructor(options: BacklogOptions) {
    const { pause, resume } = options
    this.#options = options
    this.#queue = new Queue({ pause, resume })
  }

  get queued(): number {
    return this.#queue.length
  }

  get inWork(): number {
    return this.#works.length
  }

  get isEmpty(): boolean {
    return this.#works.length + this.#queue.length === 0
  }

  /** Milliseconds since 1970 at which its first record was written. */
  get since(): number | undefined {
    return (this.#works[0]?.record ?? this.#queue.first)?.timestamp
  }

  /** What a record in work waits for, if one does: none is taken meanwhile. */
  get waitsFor(): string | undefined {
    return this.#works.find(({ waitsFor }) => waitsFor !== undefined)?.waitsFor
  }

  /** True where records are to be worked on one by one, as the next may be what killed other processes. */
  get suspicious(): boolean {
    return this.#wary > 0
  }

  /** Records come from where this note was found. */
  begin(note: Note): void {
    this.#wary = isSuspect(note, this.#options.attempts) ? WARY : 0
  }

  put(records: readonly ConsumedRecord[]): void {
    this.#queue.put(records)
  }

  /** The next record to work on, if there is one. */
  take({ offset, note }: Standing): Work | undefined {
    const most = this.suspicious ? 1 : IN_WORK
    if (this.#works.length >= most || this.waitsFor !== undefined) return undefined
    const record = this.#queue.take()
    if (record === undefined) return undefined
    const { at, attempts, onResults, onReady } = this.#options
    const isHead = this.#works.length === 0
    // Before the first record there may be marks of transactions; but clips were committed with the record's own offset.
    const { deaths } = isHead ? note : FRESH
    const skip = isHead && record.offset === offset ? note.clips : 0
    const quarantined = deaths >= attempts
    const work = new Work({
      ...{ at, record, skip, deaths, quarantined },
      ...{ onChange: onResults, onGoingOn: onReady },
    })
    if (isHead) work.becomeHead()
    this.#works.push(work)
    return work
  }

  /** What can be committed next; undefined where nothing is. */
  cut(from: Standing, by: Pick<Note, 'by' | 'recipe'>): Cut | undefined {
    return cut(this.#works, from, by)
  }

  /** The first works, committed whole. */
  committed(done: readonly Work[]): void {
    this.#wary = Math.max(0, this.#wary - done.length)
    this.#works.splice(0, done.length)
    for (const work of done) work.commit()
    this.#works[0]?.becomeHead()
  }

  /** Nothing of it counts any more. */
  lose(): void {
    for (const work of this.#works.splice(0)) work.lose()
    this.#queue.clear()
  }
}
