/** Which records of a partition are done: what may be committed is what has nothing undone before it. */
export class OffsetLedger {
  readonly #open: { readonly offset: bigint; done: boolean }[] = []
  /** Of the next record to be read, once all that came before is done. */
  #next: bigint
  #committed: bigint

  constructor(start: bigint) {
    this.#next = start
    this.#committed = start
  }

  /** Records in the works, or done and behind one that is not. */
  get pending(): number {
    return this.#open.length
  }

  /** Takes a record on; undefined for one that was taken on already. Call the answer once it is done. */
  take(offset: bigint): (() => void) | undefined {
    const last = this.#open.at(-1)?.offset ?? this.#next - 1n
    if (offset <= last) return undefined
    const entry = { offset, done: false }
    this.#open.push(entry)
    return () => {
      entry.done = true
      while (this.#open[0]?.done === true) this.#next = (this.#open.shift()?.offset ?? 0n) + 1n
    }
  }

  /** What is to be committed; undefined where that was before. */
  due(): bigint | undefined {
    return this.#next > this.#committed ? this.#next : undefined
  }

  committed(offset: bigint): void {
    this.#committed = offset
  }
}
