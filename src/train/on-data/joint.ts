import type { Tensor, Tf } from '../../engine/tfjs/algebra.js'
import { type Gradients, gradientsOf, MeanGradients, tensorsOf, throughTrunk } from '../gradients.js'
import { Forward, type Network } from '../network.js'
import { branchNoise } from '../noise.js'
import type { Parameter, Parameters } from '../parameters.js'
import { readVectors } from '../vectors.js'
import { truths } from './batch.js'
import { captionLoss, type DataBatch } from './loss.js'
import type { DataPart } from './step.js'

/**
 * Loss and gradients of one batch of captions that holds all these parts, in the memory of one part: the embeddings of all
 * first, then the gradients by them, and those through each part. Every part is computed forwards twice.
 */
export function jointGradients(
  tf: Tf,
  net: Network,
  parameters: Parameters,
  parts: readonly DataPart[],
): Gradients {
  const now = tensorsOf(tf, parameters)
  const seen = parts.map((part) => embedded(tf, new Forward(tf, net, now), part))
  tf.dispose([...now.values()])
  const clips = parts.flatMap(({ batch }) => captionsOf(batch).clips)
  const scale = parameters.get('logit_scale') as Parameter
  const { loss, video, texts, logit } = byEmbeddings(tf, net, scale, seen, truths(clips))
  const sum = new MeanGradients(1)
  const { dim } = net.config
  let from = 0
  for (const part of parts) {
    const { batch, trained, noise } = part
    const to = from + batch.count
    const own = (gradients: Float32Array): Tensor =>
      tf.tensor2d(gradients.slice(from * dim, to * dim), [batch.count, dim])
    const keepsTrunk = !throughTrunk(net, trained)
    sum.add(
      gradientsOf(tf, parameters, trained, (tensors) => {
        const trunk = keepsTrunk ? new Forward(tf, net, tensors).trunk(batch.pixels) : undefined
        return (weights) => {
          const forward = new Forward(tf, net, weights)
          const vision = trunk ?? forward.trunk(batch.pixels)
          const clips = forward.clips(vision, branchNoise(tf, noise, noise.seed)).video
          const total = tf.addN([
            tf.sum(tf.mul(clips, own(video))),
            tf.sum(tf.mul(forward.texts(captionsOf(batch).texts), own(texts))),
            tf.mul(forward.weight('logit_scale'), logit / parts.length),
          ])
          return { total, parts: {} }
        }
      }),
    )
    from = to
  }
  return { loss, parts: {}, gradients: sum.sums }
}

interface Embedded {
  readonly video: Float32Array
  readonly texts: Float32Array
}

function embedded(tf: Tf, forward: Forward, { batch, noise }: DataPart): Embedded {
  return {
    video: readVectors(
      tf,
      () => forward.clips(forward.trunk(batch.pixels), branchNoise(tf, noise, noise.seed)).video,
    ),
    texts: readVectors(tf, () => forward.texts(captionsOf(batch).texts)),
  }
}

interface ByEmbeddings extends Embedded {
  readonly loss: number
  /** By `logit_scale`. */
  readonly logit: number
}

/** The loss over all parts, and its gradients by embeddings `[N, dim]`. */
function byEmbeddings(
  tf: Tf,
  net: Network,
  logitScale: Parameter,
  seen: readonly Embedded[],
  positive: Float32Array,
): ByEmbeddings {
  const joined = (arrays: readonly Float32Array[]): Tensor =>
    tf.concat(
      arrays.map((array) => tf.tensor2d(array, [array.length / net.config.dim, net.config.dim])),
      0,
    )
  let [loss, given] = [0, [] as Float32Array[]]
  tf.tidy(() => {
    const graded = tf.valueAndGrads((...[video, texts, logit]: Tensor[]) => {
      const scale = new Forward(tf, net, new Map([['logit_scale', logit as Tensor]])).scale()
      const embeddings = { video: video as Tensor, texts: texts as Tensor, scale }
      return captionLoss(tf, embeddings, positive) as ReturnType<typeof tf.scalar>
    })
    const { value, grads } = graded([
      joined(seen.map(({ video }) => video)),
      joined(seen.map(({ texts }) => texts)),
      tf.tensor(logitScale.value, [...logitScale.shape]),
    ])
    loss = value.dataSync()[0] as number
    given = grads.map((x) => x.dataSync() as Float32Array)
  })
  const [video, texts, logit] = given as [Float32Array, Float32Array, Float32Array]
  return { loss, video, texts, logit: logit[0] as number }
}

const captionsOf = ({ captions }: DataBatch): NonNullable<DataBatch['captions']> =>
  captions as NonNullable<DataBatch['captions']>
