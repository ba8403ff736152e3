import type { Tensor, Tf } from '../../engine/tfjs/algebra.js'
import type { Texts } from '../batches.js'
import { requireFiniteVectors } from '../diverged.js'
import { type Gradients, gradientsOf, tensorsOf, throughTrunk } from '../gradients.js'
import { Forward, type Network } from '../network.js'
import { branchNoise, type NoiseRates } from '../noise.js'
import type { Parameters } from '../parameters.js'
import { readVectors } from '../vectors.js'
import { type DataBatch, dataLoss } from './loss.js'

/** Tensors that texts' embeddings depend on: where all of them are frozen, no gradient goes through. */
const TEXT = /^text_/

export interface DataPart {
  readonly batch: DataBatch
  readonly trained: readonly string[]
  readonly noise: NoiseRates & { readonly seed: string }
}

/** Loss of a batch, and its gradients by the parameters named. */
export function dataGradients(
  tf: Tf,
  net: Network,
  parameters: Parameters,
  { batch, trained, noise }: DataPart,
): Gradients {
  const keepsTexts = !trained.some((name) => TEXT.test(name))
  const keepsTrunk = !throughTrunk(net, trained)
  return gradientsOf(tf, parameters, trained, (tensors) => {
    const still = new Forward(tf, net, tensors)
    const kept = {
      ...(keepsTrunk && { trunk: still.trunk(batch.pixels) }),
      ...(keepsTexts && batch.classes !== undefined && { classTexts: still.texts(batch.classes.texts) }),
    }
    return (weights) => {
      // Every computation of this loss has the same noise.
      const options = { ...kept, noise: branchNoise(tf, noise, noise.seed) }
      return { total: dataLoss(tf, new Forward(tf, net, weights), batch, options), parts: {} }
    }
  })
}

/** The network as it is now, for validation. @throws StanflowError TRAIN_DIVERGED where an embedding is not finite */
export interface Embedder {
  /** uint8 `[B · T, S, S, 3]` → unit vectors `[B, dim]` */
  clips(pixels: Uint8Array): Float32Array
  /** `[N, dim]` */
  texts(texts: Texts): Float32Array
  release(): void
}

export function embedder(tf: Tf, net: Network, parameters: Parameters): Embedder {
  const weights = tensorsOf(tf, parameters)
  const forward = new Forward(tf, net, weights)
  const read = (compute: () => Tensor): Float32Array => requireFiniteVectors(readVectors(tf, compute))
  return {
    clips: (pixels) => read(() => forward.clips(forward.trunk(pixels)).video),
    texts: (texts) => read(() => forward.texts(texts)),
    release: () => tf.dispose([...weights.values()]),
  }
}
