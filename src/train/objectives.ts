import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import type { VisionOutput } from '../model/clip.js'
import type { ClipBatch, Matrix, PictureBatch, Texts } from './batches.js'
import { pairLoss, shareLoss, spreadLoss } from './loss.js'
import { type Forward, withReverse } from './network.js'

/** A loss and what it is made of, all scalars. */
export interface Loss {
  readonly total: Tensor
  readonly parts: Readonly<Record<string, Tensor>>
}

const upload = (tf: Tf, { data, rows, columns }: Matrix): Tensor => tf.tensor2d(data, [rows, columns])

/** Cosine below which motions' texts are far enough apart. */
const APART = 0.3

/** Pictures and captions find each other; heads that training alone has name colours and shapes. */
export function pictureLoss(tf: Tf, net: Forward, batch: PictureBatch, motions: Texts, spread: number): Loss {
  const seen = net.pictures(net.trunk(batch.pixels))
  const scores = tf.mul(tf.matMul(net.texts(batch.texts), seen, false, true), net.scale())
  const positive = tf.eye(batch.texts.count)
  const nce = pairLoss(tf, scores, { positive, counted: upload(tf, batch.counted) })
  const strong = tf.mul(seen, 10)
  const named = tf.addN([
    shareLoss(tf, net.head('colours', strong), upload(tf, batch.colours)),
    shareLoss(tf, net.head('shapes', strong), upload(tf, batch.shapes)),
    shareLoss(tf, net.head('things', strong), upload(tf, batch.things)),
  ])
  const apart = spreadLoss(tf, net.texts(motions), APART)
  const total = tf.addN([nce, tf.mul(named, 0.3), tf.mul(apart, spread)])
  return { total, parts: { nce, named, apart } }
}

export interface ClipOptions {
  /** Weight of the loss that keeps the motions' texts apart. */
  readonly spread: number
  /** Weight of each of the two losses that name the motion. */
  readonly named: number
  readonly frames: number
  /** CLIP's features, where it is frozen. */
  readonly trunk?: VisionOutput<Tensor>
}

/**
 * Clips, forwards and backwards, find their captions with motion and without; motions are named by their own texts, and
 * by a head on the branch's class token that training alone has.
 */
export function clipLoss(tf: Tf, net: Forward, batch: ClipBatch, motions: Texts, options: ClipOptions): Loss {
  const { spread, named, frames, trunk = net.trunk(batch.pixels) } = options
  const { video, cls } = net.clips(withReverse(tf, trunk, frames))
  const scale = net.scale()
  const against = (texts: Tensor): Tensor => tf.mul(tf.matMul(texts, video, false, true), scale)
  const motionTexts = net.texts(motions)
  const shares = upload(tf, batch.motions)
  const nce = pairLoss(tf, against(net.texts(batch.texts)), {
    positive: tf.eye(batch.texts.count),
    counted: upload(tf, batch.counted),
  })
  const objects = pairLoss(tf, against(net.texts(batch.objects)), {
    positive: upload(tf, batch.objectPositive),
    counted: upload(tf, batch.objectCounted),
  })
  const motion = shareLoss(tf, tf.transpose(against(motionTexts)), shares)
  const head = shareLoss(tf, net.head('motions', cls), shares)
  const apart = spreadLoss(tf, motionTexts, APART)
  const total = tf.addN([nce, objects, tf.mul(motion, named), tf.mul(head, named), tf.mul(apart, spread)])
  return { total, parts: { nce, objects, motion, head, apart } }
}
