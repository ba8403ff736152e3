import { compress, uncompress } from 'snappy'

/** What snappy-java puts before its blocks: a byte that no text begins with, its name, a zero. */
const MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1')
/** Magic, then two 32-bit numbers: the format's version, and the oldest that reads it. */
const HEADER_BYTES = 16
const LENGTH_BYTES = 4

export const packSnappy = (bytes: Buffer): Promise<Buffer> => compress(bytes)

/**
 * Records as Snappy, in either of the forms that Kafka's clients write: one raw block (librdkafka, Go's), or the blocks of
 * snappy-java's stream, each behind its length (Java's, and the broker where a topic's `compression.type` is snappy).
 */
export async function unpackSnappy(bytes: Buffer): Promise<Buffer> {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return unpackBlock(bytes)
  const blocks: Buffer[] = []
  let at = HEADER_BYTES
  while (at < bytes.length) {
    const from = at + LENGTH_BYTES
    at = from + bytes.readUInt32BE(at)
    if (at <= bytes.length) blocks.push(await unpackBlock(bytes.subarray(from, at)))
  }
  if (at > bytes.length) throw new RangeError(`Snappy was cut: ${at} bytes are said, ${bytes.length} there`)
  return Buffer.concat(blocks)
}

const unpackBlock = async (block: Buffer): Promise<Buffer> => (await uncompress(block)) as Buffer
