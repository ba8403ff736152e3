import type { Standing } from './hold.js'
import { FRESH } from './note.js'

/** How far a partition has come: what the group has committed, what the consumer got to, where the log ends. */
export class Position {
  #standing: Standing = { offset: 0n, note: FRESH }
  /** Everything before it came in, or is nothing to work on. */
  #reached = 0n
  #high = 0n

  /** What is committed. */
  get standing(): Standing {
    return this.#standing
  }

  /** Read anew from here. */
  begin(offset: bigint, high: bigint): void {
    this.#reached = offset
    this.#high = high
  }

  committed(standing: Standing): void {
    this.#standing = standing
  }

  /** How far the consumer has come, marks of transactions included. */
  reached(offset: bigint): void {
    this.#reached = offset
  }

  /** Where the consumer saw the log end. */
  ends(high: bigint): void {
    this.#high = high
  }

  /** Where someone else saw it end, who may have looked earlier. */
  endsAtLeast(high: bigint): void {
    if (high > this.#high) this.#high = high
  }

  /** Records that are not committed; marks of transactions count for none where nothing waits for work or is in work. */
  lag(isIdle: boolean): number {
    const from = isIdle ? this.#passed : this.#standing.offset
    return this.#high > from ? Number(this.#high - from) : 0
  }

  /**
   * What may be committed with no record done, where nothing waits for work or is in work: clips that a note counts are of a
   * record that is still to come.
   */
  get passable(): bigint | undefined {
    const { offset, note } = this.#standing
    return note.clips === 0 && this.#passed > offset ? this.#passed : undefined
  }

  get #passed(): bigint {
    const { offset } = this.#standing
    if (this.#reached > offset) return this.#reached
    return offset
  }
}
