import { createHash } from 'node:crypto'

/** A stream of chance that is the same everywhere for the same seed. */
export interface Random {
  /** 0 ≤ x < 1 */
  next(): number
  range(from: number, to: number): number
  /** 0 … n−1 */
  int(n: number): number
  chance(probability: number): boolean
  pick<T>(of: readonly T[]): T
}

/** Mulberry32, seeded by a hash of any text: neighbouring seeds have nothing in common. */
export function randomFrom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readInt32LE()
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const int = (n: number): number => Math.floor(next() * n)
  return {
    next,
    int,
    range: (from, to) => from + (to - from) * next(),
    chance: (probability) => next() < probability,
    pick: (of) => of[int(of.length)] as (typeof of)[number],
  }
}

/** A copy in a random order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = copy[i] as T
    copy[i] = copy[j] as T
    copy[j] = held
  }
  return copy
}
