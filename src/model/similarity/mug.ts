import type { Algebra } from '../algebra.js'
import { scalar } from '../layers.js'
import { outOfSoftmax, partCosines, type Similarity, sum } from './similarity.js'

/** By how much cosines are multiplied before a softmax: the inverse of the temperature. */
export const MUG_SHARPNESS = 100

/**
 * Mug-STAN's mutual guidance: each token weighs the frames by softmax, then the tokens so compared weigh each other, and the
 * same with tokens and frames exchanged; the mean of both ways.
 */
export const mug: Similarity = {
  name: 'mug',
  compare(g, texts, videos) {
    const [A, S, T] = [texts.count, texts.length, videos.length]
    const mask = texts.mask === undefined ? undefined : outOfSoftmax(g, texts.mask)
    const masked = (shape: readonly number[]) => mask && g.reshape(mask, shape)
    const cosines = partCosines(g, texts, videos) // [A, S, B, T]
    const byToken = g.transpose(weigh(g, cosines, 3, T), [0, 2, 1]) // [A, B, S]
    const byFrame = weigh(g, g.transpose(cosines, [0, 2, 3, 1]), 3, S, masked([A, 1, 1, S])) // [A, B, T]
    const both = g.add(weigh(g, byToken, 2, S, masked([A, 1, S])), weigh(g, byFrame, 2, T))
    return g.mul(both, scalar(g, 0.5))
  },
}

/** The last axis summed up, its values weighed by their own softmax. */
function weigh<X>(g: Algebra<X>, x: X, last: number, length: number, mask?: X): X {
  const sharp = g.mul(x, scalar(g, MUG_SHARPNESS))
  const shares = g.softmax(mask === undefined ? sharp : g.add(sharp, mask))
  return sum(g, g.mul(shares, x), last, length)
}
