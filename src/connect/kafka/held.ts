import { type ConsumedRecord, partitionKey, type TopicPartition } from './client.js'

/** A partition that a consumer holds. */
export interface Held {
  readonly at: TopicPartition
  /** Of the next record to hand on; absent until started. */
  position?: bigint
  paused: boolean
}

/**
 * What a consumer was told of the partitions it holds, whatever its library makes of them: where each goes on, and
 * which are paused.
 */
export class HeldPartitions {
  #held = new Map<string, Held>()

  get all(): readonly Held[] {
    return [...this.#held.values()]
  }

  /** After a rebalance: those held before stay as they were. */
  assign(partitions: readonly TopicPartition[]): void {
    const before = this.#held
    this.#held = new Map(
      partitions.map((at) => [partitionKey(at), before.get(partitionKey(at)) ?? { at, paused: true }]),
    )
  }

  clear(): void {
    this.#held.clear()
  }

  /** False where it is not held. */
  start(at: TopicPartition, offset: bigint): boolean {
    const held = this.#held.get(partitionKey(at))
    if (held === undefined) return false
    held.position = offset
    held.paused = false
    return true
  }

  /** Undefined where it is not held, or paused already. */
  pause(at: TopicPartition): Held | undefined {
    const held = this.#held.get(partitionKey(at))
    if (held === undefined || held.paused) return undefined
    held.paused = true
    return held
  }

  /** Marks of transactions alone were read: from `first` on, up to before `next`. False where that is not where it stands. */
  pass(at: TopicPartition, first: bigint, next: bigint): boolean {
    const held = this.#held.get(partitionKey(at))
    if (held?.position === undefined || first > held.position || next <= held.position) return false
    held.position = next
    return true
  }

  /** False where it was not started, or is not paused. */
  resume(at: TopicPartition): boolean {
    const held = this.#held.get(partitionKey(at))
    if (held?.position === undefined || !held.paused) return false
    held.paused = false
    return true
  }

  /**
   * Of what a library fetched, what is asked for: not what was under way before a start or a rebalance.
   * @param next offset after all that was fetched, marks of transactions included
   */
  take(
    at: TopicPartition,
    fetched: readonly ConsumedRecord[],
    next: bigint,
  ): { readonly isAsked: boolean; readonly records: readonly ConsumedRecord[] } {
    const held = this.#held.get(partitionKey(at))
    const position = held?.position
    if (held === undefined || position === undefined) return { isAsked: false, records: [] }
    if (next > position) held.position = next
    return { isAsked: true, records: fetched.filter(({ offset }) => offset >= position) }
  }
}
