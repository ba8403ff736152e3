import type { Algebra } from './algebra.js'
import type { ClipConfig, TextConfig, VisionConfig } from './config.js'
import { attendFirst, feedForward, layer, norm } from './layers.js'

/** RGB 0..255 statistics of CLIP's training pictures, as the STAN authors use them. */
export const PIXEL_MEAN = [122.771, 116.746, 104.093] as const
export const PIXEL_STD = [68.5, 66.632, 70.323] as const

/** What CLIP's visual encoder computed of each frame. */
export interface VisionOutput<X> {
  /** Hidden state after each layer, counted from 0, `[N, 1+L, D]`. */
  readonly layers: ReadonlyMap<number, X>
  /** Class token of the last layer, `[N, D]`. */
  readonly cls: X
}

/** What pictures are given in: float, already normalised, or uint8 RGB 0..255. */
export type PixelKind = 'normalised' | 'uint8'

/** CLIP's visual encoder: pixels `[N, S, S, 3]` → hidden states. `insert` may change those on their way into layer n. */
export function clipVision<X>(
  g: Algebra<X>,
  config: VisionConfig,
  pixels: X,
  kind: PixelKind,
  insert: (n: number, hidden: X) => X = (_, hidden) => hidden,
): VisionOutput<X> {
  const { width: D, patches: L } = config
  let x = embedTokens(g, config, pixels, kind)
  const layers = new Map<number, X>()
  for (let n = 0; n < config.layers; n++) {
    x = layer(g, `vision_model.encoder.layers.${n}`, insert(n, x), 1 + L, config)
    layers.set(n, x)
  }
  return { layers, cls: g.reshape(g.slice(x, 1, 0, 1), [-1, D]) }
}

/**
 * Class tokens of CLIP's visual encoder alone, `[N, D]`: those that `clipVision` gives, but the last layer's work for the
 * patches, which nothing reads then, is not done.
 */
export function clipClass<X>(g: Algebra<X>, config: VisionConfig, pixels: X, kind: PixelKind): X {
  const { width: D, patches: L, layers } = config
  const at = (n: number): string => `vision_model.encoder.layers.${n}`
  let x = embedTokens(g, config, pixels, kind)
  for (let n = 0; n < layers - 1; n++) x = layer(g, at(n), x, 1 + L, config)
  const last = at(layers - 1)
  const attended = g.add(g.slice(x, 1, 0, 1), attendFirst(g, last, x, 1 + L, config))
  return g.reshape(feedForward(g, last, attended, config), [-1, D])
}

/** What enters the first layer, `[N, 1+L, D]`. */
function embedTokens<X>(g: Algebra<X>, config: VisionConfig, pixels: X, kind: PixelKind): X {
  const at = 'vision_model.embeddings'
  const tokens = embedPatches(g, config, pixels, kind)
  const cls = g.repeatBatch(g.reshape(g.weight(`${at}.class_embedding`), [1, 1, config.width]), tokens)
  const x = g.add(g.concat([cls, tokens], 1), g.weight(`${at}.position_embedding.weight`))
  return norm(g, 'vision_model.pre_layrnorm', x, config.epsilon)
}

/** A convolution with stride = kernel is a linear layer over each patch: `[N, S, S, 3]` → `[N, L, D]`. */
function embedPatches<X>(g: Algebra<X>, config: VisionConfig, pixels: X, kind: PixelKind): X {
  const { width: D, patch: p, grid, patches: L } = config
  const squares = g.transpose(g.reshape(pixels, [-1, grid, p, grid, p, 3]), [0, 1, 3, 2, 4, 5])
  const patches = g.reshape(squares, [-1, L, p * p * 3])
  const kernel = g.transpose(g.weight('vision_model.embeddings.patch_embedding.weight'), [0, 2, 3, 1]) // [D, p, p, 3]
  if (kind === 'normalised') return g.linear(patches, g.reshape(kernel, [D, p * p * 3]))
  // W · (x − mean) / std = (W / std) · x − (W / std) · mean: pixels are normalised by the kernel, at no cost.
  const scaled = g.reshape(
    g.mul(
      kernel,
      perChannel(g, (c) => 1 / PIXEL_STD[c]),
    ),
    [D, p * p * 3],
  )
  const mean = g.tile(
    perChannel(g, (c) => -PIXEL_MEAN[c]),
    [p * p],
  )
  const shift = g.reshape(g.matmul(scaled, g.reshape(mean, [p * p * 3, 1])), [D])
  return g.linear(g.toFloat(patches), scaled, shift)
}

const perChannel = <X>(g: Algebra<X>, value: (channel: 0 | 1 | 2) => number): X =>
  g.constant({ shape: [3], data: Float32Array.of(value(0), value(1), value(2)) })

/** Class tokens `[…, D]` → the joint space `[…, dim]`: `post_layernorm`, then `visual_projection`. */
export function projectVision<X>(g: Algebra<X>, config: ClipConfig, cls: X): X {
  return g.linear(
    norm(g, 'vision_model.post_layernorm', cls, config.vision.epsilon),
    g.weight('visual_projection.weight'),
  )
}

/** What CLIP's text encoder computed. */
export interface TextOutput<X> {
  /** Every token in the joint space, `[N, S, dim]`: what token-wise similarities compare. */
  readonly tokens: X
  /** The text's embedding, taken at its end-of-text token, `[N, dim]`, not normalised. */
  readonly embedding: X
}

/** CLIP's text transformer. `ids`: integer `[N, length]`; `eos`: integer `[N]`, each text's end-of-text position. */
export function clipText<X>(
  g: Algebra<X>,
  config: ClipConfig,
  ids: X,
  eos: X,
  length: number,
): TextOutput<X> {
  const text: TextConfig = config.text
  const at = 'text_model.embeddings'
  const positions = g.slice(g.weight(`${at}.position_embedding.weight`), 0, 0, length)
  let x = g.add(g.gather(g.weight(`${at}.token_embedding.weight`), ids), positions)
  const mask = g.constant(causalMask(length))
  for (let n = 0; n < text.layers; n++) {
    x = layer(g, `text_model.encoder.layers.${n}`, x, length, text, mask)
  }
  const tokens = g.linear(
    norm(g, 'text_model.final_layer_norm', x, text.epsilon),
    g.weight('text_projection.weight'),
  )
  return { tokens, embedding: g.pick(tokens, eos) }
}

/** `[length, length]`: a token attends to itself and those before it. */
function causalMask(length: number): { shape: number[]; data: Float32Array } {
  const data = new Float32Array(length * length)
  for (let row = 0; row < length; row++)
    data.fill(Number.NEGATIVE_INFINITY, row * length + row + 1, (row + 1) * length)
  return { shape: [length, length], data }
}
