import { Tuple, type Value } from './pickle-values.js'

/** Values alive at once and memo entries, and values in all: far above any checkpoint, far below what hurts. */
const MAX_VALUES = 4_000_000
const MAX_PUSHES = 20_000_000

/** What a pickle's instructions work on: a stack with marks, and values remembered by number. */
export class PickleStack {
  readonly #values: Value[] = []
  readonly #marks: number[] = []
  readonly #memo = new Map<number, Value>()
  readonly #broken: (why: string) => Error
  #pushes = 0

  constructor(broken: (why: string) => Error) {
    this.#broken = broken
  }

  push(value: Value): void {
    if (this.#values.length >= MAX_VALUES || ++this.#pushes > MAX_PUSHES)
      throw this.#broken('it has too many values')
    this.#values.push(value)
  }

  pop(): Value {
    if (this.#values.length <= (this.#marks.at(-1) ?? 0)) throw this.#broken('a value is missing')
    return this.#values.pop() as Value
  }

  top(): Value {
    if (this.#values.length === 0) throw this.#broken('a value is missing')
    return this.#values.at(-1) as Value
  }

  mark(): void {
    if (this.#marks.length >= MAX_VALUES) throw this.#broken('it has too many marks')
    this.#marks.push(this.#values.length)
  }

  sinceMark(): Value[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#broken('a mark is missing')
    return this.#values.splice(mark)
  }

  /** Python's POP, which takes a mark away where one is on top. */
  drop(): void {
    if (this.#values.length === this.#marks.at(-1)) this.#marks.pop()
    else this.pop()
  }

  remember(key = this.#memo.size): void {
    if (this.#memo.size >= MAX_VALUES) throw this.#broken('it remembers too many values')
    this.#memo.set(key, this.top())
  }

  recall(key: number): void {
    const value = this.#memo.get(key)
    if (value === undefined) throw this.#broken('it refers to a value that is not there')
    this.push(value)
  }

  /** Appends to the list on top. */
  extend(items: readonly Value[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.#broken('it appends to what is no list')
    for (const item of items) list.push(item)
  }

  /** Sets items, key and value by turns, of the dictionary on top. */
  assign(items: readonly Value[]): void {
    const dict = this.top()
    if (!(dict instanceof Map) || items.length % 2 !== 0)
      throw this.#broken('it sets items of what is no dictionary')
    for (let i = 0; i < items.length; i += 2) dict.set(items[i] as Value, items[i + 1] as Value)
  }

  /** The last `size` values become one tuple. */
  tuple(size: number): void {
    this.push(new Tuple(Array.from({ length: size }, () => this.pop()).reverse()))
  }

  /** The arguments of a call. */
  args(): readonly Value[] {
    const value = this.pop()
    if (!(value instanceof Tuple)) throw this.#broken('a call has no arguments')
    return value.items
  }
}
