import { createRequire } from 'node:module'

interface Header {
  readonly key: string
  readonly value: Buffer | null
}

interface Decoder {
  readVarInt(): number
}

/** Headers as kafkajs decodes them: a name that comes again has a list. */
class HeaderList extends Array<Header> {
  // kafkajs puts them together one by one, each time in a copy of all before: 5,000 take half a minute.
  override reduce(): never {
    const all = Object.create(null) as Record<string, Buffer | null | (Buffer | null)[]>
    for (const { key, value } of this) {
      const known = all[key]
      if (Array.isArray(known)) known.push(value)
      else all[key] = known === undefined ? value : [known, value]
    }
    return all as never
  }
}

/** Has kafkajs take time for headers as there are headers, not as their square. Once a process. */
export function quickHeaders(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/protocol/decoder') as {
    readonly prototype: { readVarIntArray: (this: Decoder, read: (from: Decoder) => Header) => HeaderList }
  }
  // It reads nothing but headers of records.
  prototype.readVarIntArray = function (read) {
    const list = new HeaderList()
    for (let left = this.readVarInt(); left > 0; left--) list.push(read(this))
    return list
  }
}
