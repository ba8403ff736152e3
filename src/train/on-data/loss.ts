import type { Tensor, Tf } from '../../engine/tfjs/algebra.js'
import type { VisionOutput } from '../../model/clip.js'
import type { BranchNoise } from '../../model/temporal/temporal.js'
import type { Texts } from '../batches.js'
import { pairLoss, shareLoss } from '../loss.js'
import type { Forward } from '../network.js'
import type { Drawn } from './draw.js'

export interface DataBatch {
  /** uint8 `[B · T, S, S, 3]` */
  readonly pixels: Uint8Array
  readonly count: number
  /** Of captions: one a clip, and which of them are true of which clip, `[B, B]`. */
  readonly captions?: {
    readonly texts: Texts
    readonly positive: Float32Array
    readonly clips: readonly Drawn[]
  }
  /** Of classes: all of them, and which is each clip's. */
  readonly classes?: { readonly texts: Texts; readonly truth: readonly number[] }
}

export interface LossOptions {
  readonly noise: BranchNoise<Tensor>
  /** CLIP's features and the classes' texts, where they are frozen. */
  readonly trunk?: VisionOutput<Tensor>
  readonly classTexts?: Tensor
}

/**
 * Symmetric NCE of clips and captions, where a caption may be true of several clips; or the cross-entropy of clips over the
 * texts of all classes. A scalar.
 */
export function dataLoss(tf: Tf, net: Forward, batch: DataBatch, options: LossOptions): Tensor {
  const { video } = net.clips(options.trunk ?? net.trunk(batch.pixels), options.noise)
  if (batch.captions !== undefined) {
    const { texts, positive } = batch.captions
    return captionLoss(tf, { video, texts: net.texts(texts), scale: net.scale() }, positive)
  }
  const { texts, truth } = batch.classes as NonNullable<DataBatch['classes']>
  const shares = tf.oneHot(tf.tensor1d([...truth], 'int32'), texts.count)
  const scores = scaled(tf, video, options.classTexts ?? net.texts(texts), net.scale())
  return shareLoss(tf, scores, tf.cast(shares, 'float32'))
}

/** Clips and captions in the joint space, `[N, dim]` of unit length each, and what their cosines are multiplied by. */
export interface Embeddings {
  readonly video: Tensor
  readonly texts: Tensor
  readonly scale: Tensor
}

/** Symmetric NCE over N clips and their captions. A scalar. */
export function captionLoss(tf: Tf, { video, texts, scale }: Embeddings, positive: Float32Array): Tensor {
  const count = video.shape[0] as number
  const shape: [number, number] = [count, count]
  const pairs = { positive: tf.tensor2d(positive, shape), counted: tf.ones(shape) }
  return pairLoss(tf, scaled(tf, texts, video, scale), pairs)
}

const scaled = (tf: Tf, x: Tensor, y: Tensor, scale: Tensor): Tensor =>
  tf.mul(tf.matMul(x, y, false, true), scale)
