import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import type { VisionOutput } from '../model/clip.js'
import type { BranchNoise } from '../model/temporal/temporal.js'
import type { Captions, ClipBatch, PictureBatch, Texts } from './batches.js'
import type { Loss } from './gradients.js'
import { pairLoss, shareLoss, spreadLoss } from './loss.js'
import type { Forward } from './network.js'
import type { Matrix } from './targets.js'

const upload = (tf: Tf, { data, rows, columns }: Matrix): Tensor => tf.tensor2d(data, [rows, columns])

/** Cosine below which motions' texts are far enough apart. */
const APART = 0.3

/** Pictures and captions find each other; heads that training alone has name colours and shapes. */
export function pictureLoss(tf: Tf, net: Forward, batch: PictureBatch, motions: Texts, spread: number): Loss {
  const cls = net.classes(batch.pixels)
  const seen = net.pictures(cls)
  const meet = meeting(tf, net, seen)
  const nce = meet(batch.captions, tf.eye(batch.captions.texts.count))
  const strong = tf.mul(seen, 10)
  const named = tf.addN([
    shareLoss(tf, net.head('colours', strong), upload(tf, batch.colours)),
    shareLoss(tf, net.head('shapes', strong), upload(tf, batch.shapes)),
    shareLoss(tf, net.head('things', strong), upload(tf, batch.things)),
  ])
  const bearing = shareLoss(tf, net.head('bearings', cls), upload(tf, batch.bearings))
  const apart = spreadLoss(tf, net.texts(motions), APART)
  const total = tf.addN([nce, tf.mul(named, 0.3), tf.mul(bearing, 3), tf.mul(apart, spread)])
  return { total, parts: { nce, named, bearing, apart } }
}

/** NCE of captions with what is seen, `[N, dim]`. */
function meeting(tf: Tf, net: Forward, seen: Tensor) {
  const scale = net.scale()
  const against = (texts: Texts): Tensor => tf.mul(tf.matMul(net.texts(texts), seen, false, true), scale)
  return ({ texts, counted, wrong }: Captions, positive: Tensor): Tensor =>
    pairLoss(
      tf,
      against(texts),
      { positive, counted: upload(tf, counted) },
      wrong && { scores: against(wrong.texts), counted: upload(tf, wrong.counted) },
    )
}

export interface ClipOptions {
  /** Weight of the loss that keeps the motions' texts apart. */
  readonly spread: number
  /** Weight of each of the two losses that name the motion. */
  readonly named: number
  /** Weight of each of the losses over captions without motion: of clips, and of the pictures beside them. */
  readonly objects: number
  /** CLIP's features both ways, where it is frozen, and class tokens of the pictures beside. */
  readonly trunk?: VisionOutput<Tensor>
  readonly beside?: Tensor
  readonly noise?: BranchNoise<Tensor>
}

/**
 * Clips, forwards and backwards, find their captions with motion and without; motions are named by their own texts, and
 * by a head on the branch's class token that training alone has.
 */
export function clipLoss(tf: Tf, net: Forward, batch: ClipBatch, motions: Texts, options: ClipOptions): Loss {
  const { spread, named, objects: plain, trunk = net.bothWays(batch.pixels) } = options
  const { video, cls } = net.clips(trunk, options.noise)
  const meet = meeting(tf, net, video)
  const motionTexts = net.texts(motions)
  const shares = upload(tf, batch.motions)
  const nce = meet(batch.captions, tf.eye(batch.captions.texts.count))
  const objects = meet(batch.objects, upload(tf, batch.objectPositive))
  const motion = shareLoss(tf, tf.mul(tf.matMul(video, motionTexts, false, true), net.scale()), shares)
  const head = shareLoss(tf, net.head('motions', cls), shares)
  const apart = spreadLoss(tf, motionTexts, APART)
  const of = [nce, tf.mul(objects, plain), tf.mul(motion, named), tf.mul(head, named), tf.mul(apart, spread)]
  const parts = { nce, objects, motion, head, apart }
  if (batch.pictures === undefined) return { total: tf.addN(of), parts }
  const { captions, pixels } = batch.pictures
  const { beside = net.classes(pixels) } = options
  const pictures = meeting(tf, net, net.pictures(beside))(captions, tf.eye(captions.texts.count))
  return { total: tf.addN([...of, tf.mul(pictures, plain)]), parts: { ...parts, pictures } }
}
