/** Takes a pickle's bytes one piece after the other, and never one that is not there. */
export class PickleReader {
  /** Position of the next byte. */
  at: number
  readonly #bytes: Buffer
  readonly #broken: (why: string) => Error

  constructor(bytes: Buffer, start: number, broken: (why: string) => Error) {
    this.at = start
    this.#bytes = bytes
    this.#broken = broken
  }

  take(count: number): Buffer {
    if (count > this.#bytes.length - this.at) throw this.#broken('it is cut off')
    this.at += count
    return this.#bytes.subarray(this.at - count, this.at)
  }

  u8(): number {
    return this.take(1).readUInt8()
  }

  u16(): number {
    return this.take(2).readUInt16LE()
  }

  u32(): number {
    return this.take(4).readUInt32LE()
  }

  u64(): number {
    return Number(this.take(8).readBigUInt64LE())
  }

  text(length: number): string {
    return this.take(length).toString('utf8')
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.at)
    if (end < 0) throw this.#broken('it is cut off')
    const found = this.text(end - this.at)
    this.at = end + 1
    return found
  }

  /** A signed number of any length, little-endian; a bigint where it is not exact otherwise. */
  long(length: number): number | bigint {
    if (length > 1024) throw this.#broken('it has an absurdly long number')
    let value = 0n
    for (const byte of [...this.take(length)].reverse()) value = (value << 8n) | BigInt(byte)
    value = BigInt.asIntN(length * 8, value)
    const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    return exact ? Number(value) : value
  }
}
