import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import type { VisionOutput } from '../model/clip.js'
import type { BranchNoise } from '../model/temporal/temporal.js'
import type { Captions, ClipBatch, PictureBatch, Texts } from './batches.js'
import type { Loss } from './gradients.js'
import { divergence, onlyCounted, pairLoss, shareLoss, spreadLoss } from './loss.js'
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

type Encode = (texts: Texts) => Tensor

/** Texts that several losses are about are encoded once. */
function encodedOnce(net: Forward): Encode {
  const known = new Map<Texts, Tensor>()
  return (texts) => {
    const vectors = known.get(texts) ?? net.texts(texts)
    known.set(texts, vectors)
    return vectors
  }
}

/** NCE of captions with what is seen, `[N, dim]`. */
function meeting(tf: Tf, net: Forward, seen: Tensor, vectors: Encode = (texts) => net.texts(texts)) {
  const scale = net.scale()
  const against = (texts: Texts): Tensor => tf.mul(tf.matMul(vectors(texts), seen, false, true), scale)
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
  /** What `framesSay`, and the weight of the loss that holds the clips to it. */
  readonly keep?: { readonly likely: Tensor; readonly weight: number; readonly soften: number }
  readonly noise?: BranchNoise<Tensor>
}

/** All captions without motion that a batch has, true ones and false ones: `[K, dim]`. */
function plainTexts(tf: Tf, { objects, pictures }: ClipBatch, vectors: Encode): Tensor {
  const { texts, wrong } = objects
  const all = [texts, ...(wrong ? [wrong.texts] : []), ...(pictures ? [pictures.captions.texts] : [])]
  return tf.concat(all.map(vectors), 0)
}

/**
 * How likely each of the batch's captions without motion is to the frames of each clip alone, averaged, forwards and
 * backwards: `[2N, K]`, the softmax of scores divided by `soften`. `cls`: class tokens of CLIP's frames, `[N·T, D]`.
 */
export function framesSay(tf: Tf, net: Forward, batch: ClipBatch, cls: Tensor, soften: number): Tensor {
  const texts = plainTexts(tf, batch, (one) => net.texts(one))
  const scores = tf.mul(tf.matMul(net.averaged(cls), texts, false, true), net.scale())
  const likely = tf.softmax(tf.div(scores, soften))
  return tf.concat([likely, likely], 0)
}

/**
 * Clips, forwards and backwards, find their captions with motion and without; motions are named by their own texts, and
 * by a head on the branch's class token that training alone has.
 */
export function clipLoss(tf: Tf, net: Forward, batch: ClipBatch, motions: Texts, options: ClipOptions): Loss {
  const { spread, named, objects: plain, keep, trunk = net.bothWays(batch.pixels) } = options
  const { video, cls } = net.clips(trunk, options.noise)
  const vectors = encodedOnce(net)
  const scores = (texts: Tensor): Tensor => tf.mul(tf.matMul(video, texts, false, true), net.scale())
  const meet = meeting(tf, net, video, vectors)
  const motionTexts = net.texts(motions)
  const [shares, counted] = [upload(tf, batch.motions), upload(tf, batch.countedMotions)]
  const names = (logits: Tensor): Tensor => shareLoss(tf, onlyCounted(tf, logits, counted), shares)
  const terms: Term[] = [
    ['nce', meet(batch.captions, tf.eye(batch.captions.texts.count)), 1],
    ['objects', meet(batch.objects, upload(tf, batch.objectPositive)), plain],
    ['motion', names(scores(motionTexts)), named],
    ['head', names(net.head('motions', cls)), named],
    ['apart', spreadLoss(tf, motionTexts, APART), spread],
  ]
  if (batch.pictures !== undefined) {
    const { captions, pixels } = batch.pictures
    const { beside = net.classes(pixels) } = options
    const meetPictures = meeting(tf, net, net.pictures(beside), vectors)
    terms.push(['pictures', meetPictures(captions, tf.eye(captions.texts.count)), plain])
  }
  if (keep !== undefined) {
    const { likely, weight, soften } = keep
    const said = tf.div(scores(plainTexts(tf, batch, vectors)), soften)
    // Its gradients shrink by the square of what scores are divided by (Hinton et al. 2015).
    terms.push(['kept', tf.mul(divergence(tf, likely, said), soften ** 2), weight])
  }
  return weighted(tf, terms)
}

/** Name, loss, weight. */
type Term = readonly [string, Tensor, number]

const weighted = (tf: Tf, terms: readonly Term[]): Loss => ({
  total: tf.addN(terms.map(([, loss, weight]) => tf.mul(loss, weight))),
  parts: Object.fromEntries(terms.map(([name, loss]) => [name, loss])),
})
