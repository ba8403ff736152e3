/** A thing in its line: what is to be handed on of it is known, or not yet. */
interface Place<T, R> {
  readonly item: T
  settled?: { readonly result: R | undefined }
}

/**
 * Hands on what becomes of each source's items in the order in which they entered, whichever is known first: a clip in
 * which nothing moved needs no model, and must not overtake one that waits for it.
 */
export class InOrder<T, R> {
  readonly #lines = new Map<string, Place<T, R>[]>()
  readonly #give: (source: string, result: R) => void

  constructor(give: (source: string, result: R) => void) {
    this.#give = give
  }

  enter(source: string, item: T): void {
    const line = this.#lines.get(source)
    if (line === undefined) this.#lines.set(source, [{ item }])
    else line.push({ item })
  }

  /** What became of an item; `undefined` where nothing ever will. One that did not enter, or is settled, changes nothing. */
  settle(source: string, item: T, result: R | undefined): void {
    const line = this.#lines.get(source)
    const place = line?.find((one) => one.item === item)
    if (line === undefined || place === undefined) return
    place.settled ??= { result }
    for (let first = line[0]; first?.settled !== undefined; first = line[0]) {
      line.shift()
      if (first.settled.result !== undefined) this.#give(source, first.settled.result)
    }
    if (line.length === 0) this.#lines.delete(source)
  }
}
