import { createHash } from 'node:crypto'

/** Which of the videos found are this run's. */
export interface Selection {
  /** Only videos modified at this moment or later, in milliseconds since 1970. */
  readonly sinceMs?: number
  /** Every source belongs to one of `of` shards, counted from 0, the same on every machine. */
  readonly shard?: Shard
}

export interface Shard {
  readonly index: number
  readonly of: number
}

export function isSelected(
  video: { readonly source: string; readonly modifiedMs?: number },
  { sinceMs, shard }: Selection,
): boolean {
  if (sinceMs !== undefined && video.modifiedMs !== undefined && video.modifiedMs < sinceMs) return false
  return shard === undefined || shardOf(video.source, shard.of) === shard.index
}

/** The shard of a source, by a hash of its name alone. */
export function shardOf(source: string, of: number): number {
  return createHash('sha256').update(source).digest().readUInt32BE(0) % of
}

/**
 * The shard of what moves as little as can be when their number changes: each shard draws a number of the name, and the
 * highest has it (rendezvous hashing), so one shard more takes its own share and no other.
 */
export function shardByDraw(name: string, of: number): number {
  const draws = Array.from({ length: of }, (_, index) =>
    createHash('sha256').update(`${index} ${name}`).digest().readUIntBE(0, 6),
  )
  return draws.indexOf(Math.max(...draws))
}
