import type { ConsumedRecord, OutgoingRecord, TopicPartition } from '../client.js'

/** Results that wait behind an earlier record before work on this one pauses, in clips. */
const AHEAD = 256

export interface WorkOptions {
  readonly at: TopicPartition
  readonly record: ConsumedRecord
  /** Clips that were committed before. */
  readonly skip: number
  /** So many processes died on it that it is not to be worked on any more; only to be ended. */
  readonly quarantined: boolean
  readonly deaths: number
  readonly onChange: () => void
  /** It does not wait for anything any more. */
  readonly onGoingOn: () => void
}

/**
 * A record being worked on. Its results are given clip by clip, in order; the lane commits them, in the order of the
 * records.
 */
export class Work {
  readonly at: TopicPartition
  readonly record: ConsumedRecord
  readonly skip: number
  readonly quarantined: boolean
  readonly deaths: number
  /** Resolves once it is committed whole, or lost. */
  readonly settled: Promise<void>
  readonly #onChange: () => void
  readonly #onGoingOn: () => void
  readonly #lost = new AbortController()
  #settle = (): void => undefined
  #cut = 0
  #given = 0
  #pending: (readonly OutgoingRecord[])[] = []
  #end: readonly OutgoingRecord[] | undefined
  #isHead = false
  #waitsFor: string | undefined
  readonly #waiting: (() => void)[] = []

  constructor({ at, record, skip, quarantined, deaths, onChange, onGoingOn }: WorkOptions) {
    this.at = at
    this.record = record
    this.skip = skip
    this.quarantined = quarantined
    this.deaths = deaths
    this.#onChange = onChange
    this.#onGoingOn = onGoingOn
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Aborted once nothing that is done for it counts any more: the partition went elsewhere. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** A clip is on its way, whose results will be given. */
  cut(): void {
    this.#cut++
  }

  /** The results of the next clip. */
  give(records: readonly OutgoingRecord[]): void {
    if (this.signal.aborted) return
    this.#given++
    this.#pending.push(records)
    this.#onChange()
  }

  /** No clip is cut any more. `records` are committed last, after the results of all clips cut. */
  end(records: readonly OutgoingRecord[] = []): void {
    if (this.signal.aborted || this.#end !== undefined) return
    this.#end = records
    this.#onChange()
  }

  /** What it waits for, of what passes by itself: no more is taken of its partition meanwhile. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  wait(reason: string): void {
    this.#waitsFor = reason
  }

  goOn(): void {
    if (this.#waitsFor === undefined) return
    this.#waitsFor = undefined
    this.#onGoingOn()
  }

  /** Much already waits for an earlier record of the partition. */
  get isFarAhead(): boolean {
    return !this.#isHead && this.#pending.length >= AHEAD && !this.signal.aborted
  }

  /** Resolves when work may go on: at once, unless it is far ahead. */
  async room(): Promise<void> {
    while (this.isFarAhead) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** For the lane: all earlier records of the partition are committed. */
  becomeHead(): void {
    this.#isHead = true
    this.#wake()
  }

  /** For the lane: results to commit next, up to about so many bytes, and whether that is all there will ever be. */
  take(bytes: number): { records: readonly OutgoingRecord[]; clips: number; done: boolean } {
    const records: OutgoingRecord[] = []
    let clips = 0
    let room = bytes
    while (clips < this.#pending.length && (room > 0 || clips === 0)) {
      for (const record of this.#pending[clips] ?? []) {
        records.push(record)
        room -= (record.value?.length ?? 0) + 100
      }
      clips++
    }
    this.#pending = this.#pending.slice(clips)
    const done = this.#end !== undefined && this.#given === this.#cut && this.#pending.length === 0
    if (done) records.push(...(this.#end ?? []))
    return { records, clips, done }
  }

  /** For the lane: committed whole. */
  commit(): void {
    this.#settle()
  }

  /** For the lane: lost. */
  lose(): void {
    this.#lost.abort()
    this.#pending = []
    this.#settle()
    this.#wake()
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
