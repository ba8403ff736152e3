import { StanflowError } from '../../errors.js'
import type { Algebra } from '../algebra.js'
import { linear, scalar } from '../layers.js'
import { linearShapes, type Shapes } from '../shapes.js'
import { outOfSoftmax, partCosines, type Similarity, sum } from './similarity.js'

/** The linear layers that say how much a token or a frame counts, as DRL calls them. */
export const WTI_LAYERS = { text: 'text_weight_fc', video: 'video_weight_fc' } as const

/** Their shapes, where the checkpoint has them. */
export function wtiShapes(dim: number, names: ReadonlySet<string>): Shapes {
  const shapes: Shapes = new Map()
  for (const layer of Object.values(WTI_LAYERS))
    if (names.has(`${layer}.weight`)) linearShapes(shapes, layer, 1, dim)
  return shapes
}

/**
 * Scores whose softmax over a text's tokens or a video's frames says how much each counts: `[N, S, dim]`, not normalised,
 * → `[N, S]`.
 */
export function partScores<X>(g: Algebra<X>, side: keyof typeof WTI_LAYERS, parts: X, length: number): X {
  return g.reshape(linear(g, WTI_LAYERS[side], parts), [-1, length])
}

/** The same as shares, padding left out. */
export function partWeights<X>(
  g: Algebra<X>,
  side: keyof typeof WTI_LAYERS,
  parts: X,
  length: number,
  mask?: X,
): X {
  const scores = partScores(g, side, parts, length)
  return g.softmax(mask === undefined ? scores : g.add(scores, outOfSoftmax(g, mask)))
}

/**
 * DRL's weighted token-wise interaction: each token goes with its best frame and each frame with its best token, weighed by
 * how much they count; the mean of both ways. As in DRL a padded token is there with a cosine of 0.
 * @throws StanflowError MODEL_WEIGHTS without weights
 */
export const wti: Similarity = {
  name: 'wti',
  compare(g, texts, videos) {
    const [A, S, B, T] = [texts.count, texts.length, videos.count, videos.length]
    if (texts.weights === undefined || videos.weights === undefined) throw withoutWeights()
    const all = partCosines(g, texts, videos)
    const cosines = texts.mask === undefined ? all : g.mul(all, g.reshape(texts.mask, [A, S, 1, 1]))
    const byToken = g.mul(g.max(cosines, 3), g.reshape(texts.weights, [A, S, 1])) // [A, S, B]
    const byFrame = g.mul(g.max(cosines, 1), g.reshape(videos.weights, [1, B, T])) // [A, B, T]
    const both = g.add(sum(g, byToken, 1, S), sum(g, byFrame, 2, T))
    return g.mul(both, scalar(g, 0.5))
  },
}

export function withoutWeights(): StanflowError {
  return new StanflowError(
    'MODEL_WEIGHTS',
    `the similarity wti needs ${Object.values(WTI_LAYERS).join(' and ')}, which this model does not have`,
    { hint: 'Take cosine or mug, or weights that were trained with wti.' },
  )
}
