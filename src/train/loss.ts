import type { Tensor, Tf } from '../engine/tfjs/algebra.js'

/** Scores, but none where `counted` is 0. */
export const onlyCounted = (tf: Tf, scores: Tensor, counted: Tensor): Tensor =>
  tf.add(scores, tf.mul(tf.sub(1, counted), -1e9))

/** Which pairs of a batch are what: `[rows, columns]` of 0 and 1. */
export interface Pairs {
  /** They belong together. */
  readonly positive: Tensor
  /** They count at all. A text that is true of another's video is no negative, and not its positive either. */
  readonly counted: Tensor
}

/** Rows that are nobody's partner: `[more rows, columns]`. */
export interface Strangers {
  readonly scores: Tensor
  /** They are a column's negatives where this is 1. */
  readonly counted: Tensor
}

/**
 * NCE where a row may have several partners and some pairs do not count, over scores that are already scaled: for each
 * row −log of its partners' share of the softmax, the same for columns, and the mean of both. A column has its partners
 * to find among `strangers` too. A scalar.
 */
export function pairLoss(
  tf: Tf,
  scores: Tensor,
  { positive, counted }: Pairs,
  strangers?: Strangers,
): Tensor {
  const only = (x: Tensor, mask: Tensor): Tensor => onlyCounted(tf, x, mask)
  const all = only(scores, counted)
  const own = only(scores, positive)
  const met = strangers ? tf.concat([all, only(strangers.scores, strangers.counted)], 0) : all
  const lost = (among: Tensor, axis: number): Tensor =>
    tf.mean(tf.sub(tf.logSumExp(among, axis), tf.logSumExp(own, axis)))
  return tf.mul(tf.add(lost(met, 0), lost(all, 1)), 0.5)
}

/** Cross-entropy of logits `[N, classes]` against shares `[N, classes]` that sum to 1. A scalar. */
export function shareLoss(tf: Tf, logits: Tensor, shares: Tensor): Tensor {
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), shares), -1)))
}

/** Kullback–Leibler divergence of softmax(logits) from shares that sum to 1, both `[N, classes]`. A scalar, 0 where they agree. */
export function divergence(tf: Tf, shares: Tensor, logits: Tensor): Tensor {
  const entropy = shareLoss(tf, tf.log(tf.maximum(shares, 1e-12)), shares)
  return tf.sub(shareLoss(tf, logits, shares), entropy)
}

/** Pulls unit vectors `[N, dim]` apart: the mean square of what cosines exceed `least` by. A scalar. */
export function spreadLoss(tf: Tf, unit: Tensor, least: number): Tensor {
  const count = unit.shape[0] as number
  const cosines = tf.matMul(unit, unit, false, true)
  const others = tf.mul(tf.relu(tf.sub(cosines, least)), tf.sub(1, tf.eye(count)))
  return tf.div(tf.sum(tf.square(others)), count * (count - 1))
}
