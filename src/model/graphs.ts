import type { Algebra } from './algebra.js'
import { clipText, clipVision, type PixelKind, type VisionOutput } from './clip.js'
import type { OpenModel } from './load.js'
import { partScores, WTI_LAYERS } from './similarity/wti.js'

/** What goes into a graph or comes out; a text side is a free dimension. */
export interface Port {
  readonly name: string
  readonly type: 'uint8' | 'int32' | 'float32'
  readonly shape: readonly (number | string)[]
}

/** A piece of the model that an engine runs as one. Outputs are float32. */
export interface ModelGraph {
  readonly name: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  build<X>(g: Algebra<X>, inputs: Readonly<Record<string, X>>): Readonly<Record<string, X>>
}

type Model = Pick<OpenModel, 'config' | 'weights' | 'structure'>

/**
 * Pictures of `B · T` frames → what a clip is to search and labels: `embedding` and `frames` of unit length, and the frames'
 * `scores` for `wti` where the weights have them.
 */
export function videoGraph(model: Model, frames: number): ModelGraph {
  return {
    name: 'video',
    inputs: [pixelPort(model, 'uint8')],
    outputs: videoPorts(model, frames),
    build: (g, { pixels }) => {
      const vision = see(g, model, required(pixels), 'uint8', frames)
      return embed(g, model, vision, frames)
    },
  }
}

/** Whether overlapping clips can share a frame's pass through CLIP: not where the structure works inside CLIP's layers. */
export const canSplit = ({ structure }: Model): boolean => structure.insert === undefined

/**
 * The part of the model that knows frames only: pictures → `features` `[frames, rows, D]`, the hidden states that the
 * structure reads. CLIP's forward pass does not depend on the clip, so each frame goes through it once.
 */
export function trunkGraph(model: Model): ModelGraph {
  const { config } = model
  return {
    name: 'trunk',
    inputs: [pixelPort(model, 'uint8')],
    outputs: [featurePort(model)],
    build: (g, { pixels }) => {
      const { layers, cls } = clipVision(g, config.vision, required(pixels), 'uint8')
      const kept = trunkLayers(model).map((n) => required(layers.get(n)))
      return {
        features: kept.length === 0 ? g.reshape(cls, [-1, 1, config.vision.width]) : g.concat(kept, 1),
      }
    },
  }
}

/** The other part: `features` of `B · T` frames → the embeddings that `videoGraph` gives. */
export function branchGraph(model: Model, frames: number): ModelGraph {
  const { config } = model
  const { width: D, patches: L, layers: last } = config.vision
  return {
    name: 'branch',
    inputs: [featurePort(model)],
    outputs: videoPorts(model, frames),
    build: (g, { features }) => {
      const all = required(features)
      const kept = trunkLayers(model)
      const layers = new Map(kept.map((n, i) => [n, g.slice(all, 1, i * (1 + L), (i + 1) * (1 + L))]))
      const final = layers.get(last - 1)
      const cls = g.reshape(final === undefined ? all : g.slice(final, 1, 0, 1), [-1, D])
      return embed(g, model, { layers, cls }, frames)
    },
  }
}

/** Rows of `[D]` in a frame's features. */
export function featureRows(model: Model): number {
  const { patches } = model.config.vision
  return Math.max(1, trunkLayers(model).length * (1 + patches))
}

/**
 * int32 `ids` `[texts, length]` and `eos` `[texts]` → `embedding` `[texts, dim]` and `tokens`, of unit length, and the tokens'
 * `scores` for `wti` where the weights have them.
 */
export function textGraph(model: Model, length: number): ModelGraph {
  const { config } = model
  return {
    name: 'text',
    inputs: [
      { name: 'ids', type: 'int32', shape: ['texts', length] },
      { name: 'eos', type: 'int32', shape: ['texts'] },
    ],
    outputs: [
      { name: 'embedding', type: 'float32', shape: ['texts', config.dim] },
      { name: 'tokens', type: 'float32', shape: ['texts', length, config.dim] },
      ...(hasScores(model, 'text')
        ? [{ name: 'scores', type: 'float32', shape: ['texts', length] } as const]
        : []),
    ],
    build: (g, { ids, eos }) => {
      const { embedding, tokens } = clipText(g, config, required(ids), required(eos), length)
      return {
        embedding: g.l2normalize(embedding),
        tokens: g.l2normalize(tokens),
        ...(hasScores(model, 'text') && { scores: partScores(g, 'text', tokens, length) }),
      }
    },
  }
}

/** CLIP over the frames of clips, with what the structure inserts into it. */
export function see<X>(
  g: Algebra<X>,
  { config, structure: { insert } }: Model,
  pixels: X,
  kind: PixelKind,
  frames: number,
): VisionOutput<X> {
  if (insert === undefined) return clipVision(g, config.vision, pixels, kind)
  return clipVision(g, config.vision, pixels, kind, (n, hidden) => insert(g, config, n, hidden, frames))
}

function embed<X>(g: Algebra<X>, model: Model, vision: VisionOutput<X>, frames: number) {
  const output = model.structure.forward(g, model.config, vision, frames)
  return {
    embedding: g.l2normalize(output.video),
    frames: g.l2normalize(output.frames),
    ...(hasScores(model, 'video') && { scores: partScores(g, 'video', output.frames, frames) }),
  }
}

const hasScores = ({ weights }: Model, side: keyof typeof WTI_LAYERS): boolean =>
  weights.names.has(`${WTI_LAYERS[side]}.weight`)

/** The layers in a frame's features: those read, and the last for its class token. None: only that token is kept. */
function trunkLayers({ config, structure, weights }: Model): readonly number[] {
  const read = structure.reads(config, structure.depth(weights.names))
  const last = config.vision.layers - 1
  return read.length === 0 || read.includes(last) ? read : [...read, last]
}

function pixelPort({ config }: Model, type: 'uint8'): Port {
  const { size } = config.vision
  return { name: 'pixels', type, shape: ['frames', size, size, 3] }
}

function featurePort(model: Model): Port {
  return {
    name: 'features',
    type: 'float32',
    shape: ['frames', featureRows(model), model.config.vision.width],
  }
}

function videoPorts(model: Model, frames: number): readonly Port[] {
  const { config } = model
  return [
    { name: 'embedding', type: 'float32', shape: ['clips', config.dim] },
    { name: 'frames', type: 'float32', shape: ['clips', frames, config.dim] },
    ...(hasScores(model, 'video')
      ? [{ name: 'scores', type: 'float32', shape: ['clips', frames] } as const]
      : []),
  ]
}

function required<X>(value: X | undefined): X {
  if (value === undefined) throw new TypeError('an input of the graph is missing')
  return value
}
