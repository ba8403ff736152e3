import type { Algebra } from '../algebra.js'
import { scalar } from '../layers.js'

/** Texts, or videos, as a similarity sees them; all vectors have unit length. */
export interface Side<X> {
  /** How many: N. */
  readonly count: number
  /** Parts of each, padding included: S tokens or T frames. */
  readonly length: number
  /** `[N, dim]` */
  readonly whole: X
  /** `[N, S, dim]`: tokens or frames. */
  readonly parts: X
  /** `[N, S]`: 1 for a part, 0 for padding. Without it all are parts. */
  readonly mask?: X
  /** `[N, S]`: how much each part counts, 1 in all. Only `wti` asks for it. */
  readonly weights?: X
}

/** How alike a text and a video are. */
export interface Similarity {
  readonly name: string
  /** Every text with every video: `[texts, videos]`, from -1 to 1. */
  compare<X>(g: Algebra<X>, texts: Side<X>, videos: Side<X>): X
}

/** Cosine of every part with every part, `[A, S, B, T]`. */
export function partCosines<X>(g: Algebra<X>, texts: Side<X>, videos: Side<X>): X {
  const rows = ({ parts, count, length }: Side<X>): X => g.reshape(parts, [count * length, -1])
  const cosines = g.matmul(rows(texts), g.transpose(rows(videos), [1, 0]))
  return g.reshape(cosines, [texts.count, texts.length, videos.count, videos.length])
}

/** What added to scores makes a softmax leave padding out: 0 at a part, and so low a number at padding that its share is 0. */
export function outOfSoftmax<X>(g: Algebra<X>, mask: X): X {
  return g.mul(g.add(mask, scalar(g, -1)), scalar(g, 1e9))
}

export function sum<X>(g: Algebra<X>, x: X, axis: number, length: number): X {
  return g.mul(g.mean(x, axis), scalar(g, length))
}
