import type { Type } from 'avsc'

/** Items that the arrays and maps of one value may have in all. */
export const MOST_ITEMS = 100_000
/** Values in a value: records may hold records that take no bytes at all. */
const MOST_VALUES = 1_000_000
const MOST_DEPTH = 64
const LONG_BYTES = 10
/** Bytes of what always has as many. */
const SIZES: Readonly<Record<string, number>> = { null: 0, boolean: 1, float: 4, double: 8 }
const NUMBERS = ['int', 'long', 'enum']
const TEXTS = ['bytes', 'string']

/** What avsc's types have by kind. */
interface Shape {
  readonly typeName: string
  readonly size: number
  readonly itemsType: Type
  readonly valuesType: Type
  readonly types: readonly Type[]
  readonly fields: readonly { readonly type: Type }[]
}

/**
 * Goes through the bytes of a value without making anything of them: avsc believes counts and lengths, reads past the end and
 * looks only then, so that few bytes can keep it busy without end or fill the memory.
 * @throws RangeError where the bytes are not those of one value, or are those of one that is out of all bounds
 */
export function checkBounds(type: Type, bytes: Buffer): void {
  const walk = new Walk(bytes)
  walk.value(type, 0)
  walk.end()
}

class Walk {
  readonly #bytes: Buffer
  #at = 0
  #values = 0
  #items = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError('there are bytes after it')
  }

  value(type: Type, depth: number): void {
    if (++this.#values > MOST_VALUES) throw new RangeError(`it has more than ${MOST_VALUES} values`)
    if (depth > MOST_DEPTH) throw new RangeError(`it is more than ${MOST_DEPTH} levels deep`)
    const shape = type as unknown as Shape
    const size = SIZES[shape.typeName] ?? (shape.typeName === 'fixed' ? shape.size : undefined)
    if (size !== undefined) this.#skip(size)
    else if (NUMBERS.includes(shape.typeName)) this.#long()
    else if (TEXTS.includes(shape.typeName)) this.#skip(this.#long())
    else if (shape.typeName === 'array') this.#blocks(() => this.value(shape.itemsType, depth + 1))
    else if (shape.typeName === 'map') this.#blocks(() => this.#entry(shape.valuesType, depth + 1))
    else if (shape.typeName.startsWith('union')) this.#branch(shape.types, depth + 1)
    else for (const field of shape.fields) this.value(field.type, depth + 1)
  }

  #entry(type: Type, depth: number): void {
    this.#skip(this.#long())
    this.value(type, depth)
  }

  #branch(types: readonly Type[], depth: number): void {
    const branch = types[this.#long()]
    if (branch === undefined) throw new RangeError('it names a type that its union does not have')
    this.value(branch, depth)
  }

  #blocks(item: () => void): void {
    for (let count = this.#long(); count !== 0; count = this.#long()) {
      // A negative count goes with the bytes of its block.
      const bytes = count < 0 ? this.#long() : undefined
      this.#items += Math.abs(count)
      if (this.#items > MOST_ITEMS) throw new RangeError(`its lists have more than ${MOST_ITEMS} items`)
      const begin = this.#at
      for (let n = Math.abs(count); n > 0; n--) item()
      if (bytes !== undefined && bytes !== this.#at - begin)
        throw new RangeError('a block of it is not as long as it says')
    }
  }

  #skip(count: number): void {
    if (!(count >= 0 && count <= this.#bytes.length - this.#at)) throw new RangeError('it ends too soon')
    this.#at += count
  }

  /** Zigzag in base 128; as a number, which is exact as far as lengths and counts can go. */
  #long(): number {
    let value = 0
    for (let n = 0; n < LONG_BYTES; n++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('it ends too soon')
      value += (byte & 0x7f) * 128 ** n
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new RangeError('a number of it is longer than any')
  }
}
