import kafkajs from 'kafkajs'

const SEED = 0x9747b28c
const MIX = 0x5bd1e995

/**
 * Partitions by key as Java's clients do. kafkajs's own hash counts in numbers without end, so that a key of a megabyte, as
 * any record may have, keeps the process busy for half an hour.
 */
export const partitioner: kafkajs.ICustomPartitioner = () => {
  const others = kafkajs.Partitioners.DefaultPartitioner()
  return (args) => {
    const { key, partition } = args.message
    if (key === null || key === undefined || (partition !== null && partition !== undefined))
      return others(args)
    return (murmur2(Buffer.from(key)) & 0x7fffffff) % args.partitionMetadata.length
  }
}

/** MurmurHash2, 32 bits, with the seed that Kafka's clients use. */
export function murmur2(data: Buffer): number {
  const whole = data.length & ~3
  let hash = SEED ^ data.length
  for (let at = 0; at < whole; at += 4) {
    const mixed = Math.imul(data.readInt32LE(at), MIX)
    hash = Math.imul(hash, MIX) ^ Math.imul(mixed ^ (mixed >>> 24), MIX)
  }
  for (let n = data.length - whole - 1; n >= 0; n--) hash ^= (data[whole + n] as number) << (8 * n)
  if (whole < data.length) hash = Math.imul(hash, MIX)
  hash = Math.imul(hash ^ (hash >>> 13), MIX)
  return hash ^ (hash >>> 15)
}
