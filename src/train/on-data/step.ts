import type { Tensor, Tf } from '../../engine/tfjs/algebra.js'
import type { Texts } from '../batches.js'
import { Forward, type Network } from '../network.js'
import { branchNoise, type NoiseRates } from '../noise.js'
import type { Parameters } from '../parameters.js'
import { type DataBatch, dataLoss } from './loss.js'

/** Tensors that frames' features and texts' embeddings depend on: where all of them are frozen, no gradient goes through. */
const TRUNK = /^vision_model\.(embeddings|pre_layrnorm|encoder)/
const TEXT = /^text_/

export interface Gradients {
  readonly loss: number
  readonly gradients: ReadonlyMap<string, Float32Array>
}

/** Loss of a batch, and its gradients by the parameters named. The same call gives the same result. */
export function gradientsOf(
  tf: Tf,
  net: Network,
  parameters: Parameters,
  {
    batch,
    trained,
    noise,
  }: { batch: DataBatch; trained: readonly string[]; noise: NoiseRates & { seed: string } },
): Gradients {
  const gradients = new Map<string, Float32Array>()
  let loss = 0
  tf.tidy(() => {
    const tensors = new Map<string, Tensor>()
    for (const [name, { shape, value }] of parameters) tensors.set(name, tf.tensor(value, [...shape]))
    const still = new Forward(tf, net, tensors)
    const isFrozen = (part: RegExp): boolean => !trained.some((name) => part.test(name))
    const kept = {
      ...(isFrozen(TRUNK) && { trunk: still.trunk(batch.pixels) }),
      ...(isFrozen(TEXT) && batch.classes !== undefined && { classTexts: still.texts(batch.classes.texts) }),
    }
    const graded = tf.valueAndGrads((...given: Tensor[]) => {
      const weights = new Map([...tensors, ...trained.map((name, i) => [name, given[i] as Tensor] as const)])
      const forward = new Forward(tf, net, weights)
      // Every computation of this loss has the same noise.
      const total = dataLoss(tf, forward, batch, { ...kept, noise: branchNoise(tf, noise, noise.seed) })
      return total as ReturnType<typeof tf.scalar>
    })
    const { value, grads } = graded(trained.map((name) => tensors.get(name) as Tensor))
    loss = value.dataSync()[0] as number
    for (const [i, name] of trained.entries())
      gradients.set(name, (grads[i] as Tensor).dataSync() as Float32Array)
  })
  return { loss, gradients }
}

/** The network as it is now, for validation. */
export interface Embedder {
  /** uint8 `[B · T, S, S, 3]` → unit vectors `[B, dim]` */
  clips(pixels: Uint8Array): Float32Array
  /** `[N, dim]` */
  texts(texts: Texts): Float32Array
  release(): void
}

export function embedder(tf: Tf, net: Network, parameters: Parameters): Embedder {
  const weights = new Map(
    [...parameters].map(([name, { value, shape }]) => [name, tf.tensor(value, [...shape])]),
  )
  const forward = new Forward(tf, net, weights)
  const read = (compute: () => Tensor): Float32Array => {
    const tensor = tf.tidy(compute)
    const data = tensor.dataSync() as Float32Array
    tensor.dispose()
    return data
  }
  return {
    clips: (pixels) => read(() => forward.clips(forward.trunk(pixels)).video),
    texts: (texts) => read(() => forward.texts(texts)),
    release: () => tf.dispose([...weights.values()]),
  }
}
