import { StanflowError } from '../../errors.js'
import type { Algebra } from '../algebra.js'
import { activate, type LayerConfig, linear, mixTokens, norm } from '../layers.js'
import { linearShapes, normShapes, type Shapes } from '../shapes.js'
import { countLayers } from './depth.js'
import { averageFrames, embedFrames } from './mean.js'
import type { Temporal } from './temporal.js'

/** Rows of `frame_position_embeddings`: CLIP4Clip takes CLIP's text length. */
const POSITIONS = 77

const depthOf = (has: (name: string) => boolean): number =>
  countLayers(has, (k) => `transformerClip.resblocks.${k}.attn.in_proj_weight`)

/**
 * CLIP4Clip's sequential transformer (seqTransf), under its tensor names: over the frames' embeddings with learned
 * positions, added to them, then the mean.
 */
export const posterior: Temporal = {
  name: 'posterior',
  maxFrames: 64,
  detect: (names) => depthOf((name) => names.has(name)) > 0,
  depth: (names) => depthOf((name) => names.has(name)),
  reads: () => [],

  shapes({ dim }, depth) {
    const shapes: Shapes = new Map([['frame_position_embeddings.weight', [POSITIONS, dim]]])
    for (let k = 0; k < depth; k++) {
      const at = `transformerClip.resblocks.${k}`
      normShapes(shapes, `${at}.ln_1`, dim)
      shapes.set(`${at}.attn.in_proj_weight`, [3 * dim, dim]).set(`${at}.attn.in_proj_bias`, [3 * dim])
      linearShapes(shapes, `${at}.attn.out_proj`, dim, dim)
      normShapes(shapes, `${at}.ln_2`, dim)
      linearShapes(shapes, `${at}.mlp.c_fc`, 4 * dim, dim)
      linearShapes(shapes, `${at}.mlp.c_proj`, dim, 4 * dim)
    }
    return shapes
  },

  forward(g, config, vision, T) {
    const layers = layerConfig(config.dim)
    const frames = embedFrames(g, config, vision, T)
    let x = g.add(frames, g.slice(g.weight('frame_position_embeddings.weight'), 0, 0, T))
    for (let k = 0; k < depthOf((name) => g.has(name)); k++) {
      x = block(g, `transformerClip.resblocks.${k}`, x, T, layers)
    }
    return averageFrames(g, g.add(frames, x))
  },
}

/** Heads of 64 numbers as in CLIP4Clip, but at least four of them. */
function layerConfig(width: number): LayerConfig {
  const heads = Math.max(4, Math.floor(width / 64))
  if (width % heads !== 0)
    throw new StanflowError('MODEL_CONFIG', `posterior cannot share a width of ${width} among ${heads} heads`)
  return { width, heads, activation: 'quick_gelu', epsilon: 1e-12 }
}

/** A pre-norm layer under OpenAI's names, its queries, keys and values in one matrix: `[N, S, D]` → `[N, S, D]`. */
function block<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig): X {
  const { width: D, epsilon } = config
  const normed = norm(g, `${at}.ln_1`, x, epsilon)
  const projected = g.linear(
    normed,
    g.weight(`${at}.attn.in_proj_weight`),
    g.weight(`${at}.attn.in_proj_bias`),
  )
  const third = (i: number): X => g.slice(projected, 2, i * D, (i + 1) * D)
  const mixed = mixTokens(g, { q: third(0), k: third(1), v: third(2) }, length, config)
  const attended = g.add(x, linear(g, `${at}.attn.out_proj`, mixed))
  const hidden = linear(g, `${at}.mlp.c_fc`, norm(g, `${at}.ln_2`, attended, epsilon))
  return g.add(attended, linear(g, `${at}.mlp.c_proj`, activate(g, hidden, config)))
}
