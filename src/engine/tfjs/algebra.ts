import type * as tfjs from '@tensorflow/tfjs-node'
import { StanflowError } from '../../errors.js'
import type { Algebra, HostTensor } from '../../model/algebra.js'

/** The library, as either of its packages gives it. */
export type Tf = typeof tfjs
export type Tensor = tfjs.Tensor

/** Weights as tensors: a map of `tf.Variable` where they are trained. */
export type TensorWeights = Pick<ReadonlyMap<string, Tensor>, 'get' | 'has'>

/**
 * Runs the model's algebra at once in TensorFlow.js. Every step has a gradient, and nothing is read back: what is built
 * on it can be trained. Intermediate tensors are the caller's to tidy.
 */
export class TfjsAlgebra implements Algebra<Tensor> {
  readonly #tf: Tf
  readonly #weights: TensorWeights

  constructor(tf: Tf, weights: TensorWeights) {
    this.#tf = tf
    this.#weights = weights
  }

  weight(name: string): Tensor {
    const found = this.#weights.get(name)
    if (found === undefined) throw new StanflowError('MODEL_WEIGHTS', `there is no tensor ${name}`)
    return found
  }

  has = (name: string): boolean => this.#weights.has(name)
  constant = ({ shape, data }: HostTensor): Tensor => this.#tf.tensor(data, [...shape], 'float32')

  add = (a: Tensor, b: Tensor): Tensor => this.#tf.add(a, b)
  mul = (a: Tensor, b: Tensor): Tensor => this.#tf.mul(a, b)
  sigmoid = (x: Tensor): Tensor => this.#tf.sigmoid(x)
  toFloat = (x: Tensor): Tensor => this.#tf.cast(x, 'float32')
  softmax = (x: Tensor): Tensor => this.#tf.softmax(x)
  mean = (x: Tensor, axis: number): Tensor => this.#tf.mean(x, axis)
  max = (x: Tensor, axis: number): Tensor => this.#tf.max(x, axis)
  matmul = (a: Tensor, b: Tensor): Tensor => this.#tf.matMul(a, b)
  reshape = (x: Tensor, shape: readonly number[]): Tensor => this.#tf.reshape(x, [...shape])
  transpose = (x: Tensor, permutation: readonly number[]): Tensor => this.#tf.transpose(x, [...permutation])
  concat = (xs: readonly Tensor[], axis: number): Tensor => this.#tf.concat([...xs], axis)

  gelu(x: Tensor): Tensor {
    const tf = this.#tf
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))
  }

  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    const tf = this.#tf
    const width = x.shape.at(-1) as number
    const out = weight.shape[0] as number
    // One large product of two matrices is quicker than one for each picture.
    const product: Tensor = tf.matMul(tf.reshape(x, [-1, width]), weight, false, true)
    const rows = bias === undefined ? product : tf.add(product, bias)
    return tf.reshape(rows, [...x.shape.slice(0, -1), out])
  }

  layerNorm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor {
    return layerNorm(this.#tf, x, scale, shift, epsilon)
  }

  l2normalize(x: Tensor): Tensor {
    const tf = this.#tf
    return tf.div(x, tf.sqrt(tf.sum(tf.square(x), -1, true)))
  }

  slice(x: Tensor, axis: number, start: number, end: number): Tensor {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0))
    const size = x.shape.map((side, i) => (i === axis ? end - start : side))
    return this.#tf.slice(x, begin, size)
  }

  tile(x: Tensor, repeats: readonly number[]): Tensor {
    return tile(this.#tf, x, repeats)
  }

  repeatBatch(x: Tensor, like: Tensor): Tensor {
    return this.tile(x, [like.shape[0] as number, ...x.shape.slice(1).map(() => 1)])
  }

  gather(table: Tensor, ids: Tensor): Tensor {
    return this.#tf.gather(table, this.#tf.cast(ids, 'int32'))
  }

  pick(x: Tensor, at: Tensor): Tensor {
    const tf = this.#tf
    const [n, length, width] = x.shape as [number, number, number]
    const rows = tf.add(tf.range(0, n * length, length, 'int32'), tf.cast(at, 'int32'))
    return this.gather(tf.reshape(x, [n * length, width]), rows)
  }
}

/** Over the last axis. The gradient is the closed form, in five passes over `x` instead of the dozens of its steps'. */
function layerNorm(tf: Tf, x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor {
  const normalise = tf.customGrad((...given) => {
    const [input, gain, bias, save] = given as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void]
    const centred = tf.sub(input, tf.mean(input, -1, true))
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon))
    const unit = tf.mul(centred, inverse)
    save([unit, inverse, gain])
    return { value: tf.add(tf.mul(unit, gain), bias), gradFunc }
  })
  function gradFunc(dy: Tensor, saved: Tensor[]): Tensor[] {
    const [unit, inverse, gain] = saved as [Tensor, Tensor, Tensor]
    const rows = dy.shape.map((_, i) => i).slice(0, -1)
    const scaled = tf.mul(dy, gain)
    const along = tf.mul(unit, tf.mean(tf.mul(scaled, unit), -1, true))
    const dx = tf.mul(tf.sub(tf.sub(scaled, tf.mean(scaled, -1, true)), along), inverse)
    return [dx, tf.sum(tf.mul(dy, unit), rows), tf.sum(dy, rows)]
  }
  return normalise(x, scale, shift)
}

/** tf.tile, whose own gradient goes copy by copy. */
function tile(tf: Tf, x: Tensor, repeats: readonly number[]): Tensor {
  const repeat = tf.customGrad((...given) => {
    const [input] = given as [Tensor]
    return { value: tf.tile(input, [...repeats]), gradFunc }
  })
  function gradFunc(dy: Tensor): Tensor {
    const split = x.shape.flatMap((side, i) => [repeats[i] as number, side])
    const copies = x.shape.map((_, i) => 2 * i)
    return tf.sum(tf.reshape(dy, split), copies)
  }
  return repeat(x)
}
