import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import { requireFinite } from './diverged.js'
import type { Network } from './network.js'
import type { Parameters } from './parameters.js'

/** A loss and what it is made of, all scalars. */
export interface Loss {
  readonly total: Tensor
  readonly parts: Readonly<Record<string, Tensor>>
}

export type TensorsByName = ReadonlyMap<string, Tensor>

/** Parameters as they are now. */
export const tensorsOf = (tf: Tf, parameters: Parameters): TensorsByName =>
  new Map([...parameters].map(([name, { shape, value }]) => [name, tf.tensor(value, [...shape])]))

const TRUNK = /^vision_model\.(embeddings|pre_layrnorm|encoder)/

/**
 * Whether gradients go through CLIP: where some of what its features depend on is trained, or modules sit between its
 * layers.
 */
export const throughTrunk = ({ structure }: Network, trained: readonly string[]): boolean =>
  structure.insert !== undefined || trained.some((name) => TRUNK.test(name))

export interface Gradients {
  readonly loss: number
  readonly parts: Readonly<Record<string, number>>
  readonly gradients: ReadonlyMap<string, Float32Array>
}

/**
 * A loss at the parameters as they are, and its gradients by those that are `trained`. `lossOf` is given all tensors, to
 * compute what is frozen once; what it answers with is given the same with those that gradients are asked for in place. The
 * same call gives the same result.
 */
export function gradientsOf(
  tf: Tf,
  parameters: Parameters,
  trained: readonly string[],
  lossOf: (still: TensorsByName) => (weights: TensorsByName) => Loss,
): Gradients {
  let loss = 0
  const parts: Record<string, number> = {}
  const gradients = new Map<string, Float32Array>()
  tf.tidy(() => {
    const tensors = tensorsOf(tf, parameters)
    const loose = lossOf(tensors)
    let details: Loss['parts'] = {}
    const graded = tf.valueAndGrads((...given: Tensor[]) => {
      const { total, parts: named } = loose(
        new Map([...tensors, ...trained.map((name, i) => [name, given[i] as Tensor] as const)]),
      )
      details = Object.fromEntries(Object.entries(named).map(([name, x]) => [name, tf.keep(x)]))
      return total as ReturnType<typeof tf.scalar>
    })
    const { value, grads } = graded(trained.map((name) => tensors.get(name) as Tensor))
    loss = value.dataSync()[0] as number
    for (const [name, x] of Object.entries(details)) {
      parts[name] = x.dataSync()[0] as number
      x.dispose()
    }
    for (const [i, name] of trained.entries())
      gradients.set(name, (grads[i] as Tensor).dataSync() as Float32Array)
  })
  return { loss, parts, gradients }
}

/** The mean over the batches of a step. */
export class MeanGradients {
  readonly sums = new Map<string, Float32Array>()
  readonly parts: Record<string, number> = {}
  readonly #share: number
  loss = 0

  constructor(batches: number) {
    this.#share = 1 / batches
  }

  /** @throws StanflowError TRAIN_DIVERGED where the loss is not finite */
  add({ loss, parts, gradients }: Gradients): void {
    requireFinite('the loss', loss)
    const share = this.#share
    this.loss += loss * share
    for (const [name, value] of Object.entries(parts))
      this.parts[name] = (this.parts[name] ?? 0) + value * share
    for (const [name, gradient] of gradients) {
      const sum = this.sums.get(name)
      if (sum === undefined) {
        this.sums.set(name, share === 1 ? gradient : gradient.map((x) => x * share))
        continue
      }
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (gradient[i] as number) * share
    }
  }
}
