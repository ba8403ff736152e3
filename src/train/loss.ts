import type { Tensor, Tf } from '../engine/tfjs/algebra.js'

/**
 * Symmetric NCE: row n of `texts` and of `videos` (`[B, dim]`, any length) belong together, every other pair does not.
 * The mean of two cross-entropies over cosines times `scale`, the inverse of the temperature: each text among all
 * videos, each video among all texts. A scalar.
 */
export function nceLoss(tf: Tf, texts: Tensor, videos: Tensor, scale: number): Tensor {
  const unit = (x: Tensor): Tensor => tf.div(x, tf.sqrt(tf.sum(tf.square(x), -1, true)))
  const scores: Tensor = tf.mul(tf.matMul(unit(texts), unit(videos), false, true), scale)
  const amongVideos = tf.logSoftmax(scores)
  const amongTexts = tf.logSoftmax(tf.transpose(scores))
  const pairs = tf.mul(tf.add(amongVideos, amongTexts), tf.eye(texts.shape[0] as number))
  return tf.div(tf.sum(pairs), -2 * (texts.shape[0] as number))
}
