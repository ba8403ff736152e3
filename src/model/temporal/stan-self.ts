import type { Algebra } from '../algebra.js'
import { projectVision, type VisionOutput } from '../clip.js'
import type { ClipConfig, VisionConfig } from '../config.js'
import { attend, feedForward, linear, scalar } from '../layers.js'
import { layerShapes, linearShapes, normShapes, selfAttentionShapes } from '../shapes.js'
import type { Temporal, VideoOutput } from './temporal.js'

/** Time slots in `STAN_time_embed`. */
const TIME_SLOTS = 64

/** The branch's state: one video class token `[B, 1, D]`, and the patches of every frame `[B, T, L, D]`. */
interface Branch<X> {
  readonly cls: X
  readonly patches: X
}

/**
 * STAN with self-attention over time: K layers beside CLIP's last K, as the authors' released code computes it.
 * Layer k reads its own previous output plus the output of CLIP layer N-K+k, mixes each patch position over time,
 * then each frame over space.
 */
export const stanSelf: Temporal = {
  name: 'stan-self',
  maxFrames: TIME_SLOTS,
  detect: (names) => names.has('STAN_T_layers.0.temporal_fc.weight'),

  shapes(config, { names }) {
    const { width: D } = config.vision
    const shapes = new Map<string, readonly number[]>([['STAN_time_embed.weight', [TIME_SLOTS, D]]])
    for (let k = 0; k < branchDepth((name) => names.has(name)); k++) {
      normShapes(shapes, `STAN_T_layers.${k}.layer_norm1`, D)
      selfAttentionShapes(shapes, `STAN_T_layers.${k}.self_attn`, D)
      linearShapes(shapes, `STAN_T_layers.${k}.temporal_fc`, D, D)
      layerShapes(shapes, `STAN_S_layers.${k}`, config.vision)
      if (names.has(`STAN_proj_layers.${k - 1}.weight`))
        linearShapes(shapes, `STAN_proj_layers.${k - 1}`, D, D)
    }
    return shapes
  },

  reads({ vision: { layers } }, { names }) {
    const K = branchDepth((name) => names.has(name))
    return Array.from({ length: K }, (_, k) => layers - K + k)
  },

  forward<X>(g: Algebra<X>, config: ClipConfig, vision: VisionOutput<X>, T: number): VideoOutput<X> {
    const c = config.vision
    const K = branchDepth((name) => g.has(name))
    const steps: Record<string, X> = {}
    const record = (name: string, { cls, patches }: Branch<X>): void => {
      // The authors' joint sequence: class token first, then patches with time running fastest.
      const joint = g.reshape(g.transpose(patches, [0, 2, 1, 3]), [-1, c.patches * T, c.width])
      steps[name] = g.concat([cls, joint], 1)
    }

    let branch: Branch<X> | undefined
    for (let k = 0; k < K; k++) {
      const features = unpack(g, c, vision.layers.get(c.layers - K + k) as X, T)
      const input = branch === undefined ? enter(g, c, features, T) : rejoin(g, k, branch, features)
      record(`branch_in_${k}`, input)
      const overTime = temporal(g, `STAN_T_layers.${k}`, c, input, T)
      record(`branch_t_${k}`, overTime)
      branch = spatial(g, `STAN_S_layers.${k}`, c, overTime, T)
      record(`branch_s_${k}`, branch)
    }

    const clipCls = g.reshape(vision.cls, [-1, T, c.width])
    const cls = branch === undefined ? clipCls : g.add(clipCls, branch.cls)
    const frames = projectVision(g, config, cls) // [B, T, dim]
    return { frames, video: g.mean(frames, 1), steps }
  },
}

/** K, by counting the layers that are there. */
function branchDepth(has: (name: string) => boolean): number {
  let depth = 0
  while (has(`STAN_T_layers.${depth}.temporal_fc.weight`)) depth++
  return depth
}

/** A CLIP layer's output `[B·T, 1+L, D]` as the branch sees it: class tokens averaged over the frames. */
function unpack<X>(g: Algebra<X>, { width: D, patches: L }: VisionConfig, hidden: X, T: number): Branch<X> {
  const cls = g.reshape(g.slice(hidden, 1, 0, 1), [-1, T, D])
  return {
    cls: g.reshape(g.mean(cls, 1), [-1, 1, D]),
    patches: g.reshape(g.slice(hidden, 1, 1, 1 + L), [-1, T, L, D]),
  }
}

/** Input of layer 0: position and time embeddings are added, the class token is averaged with its initial value. */
function enter<X>(g: Algebra<X>, { width: D, patches: L }: VisionConfig, f: Branch<X>, T: number): Branch<X> {
  const at = 'vision_model.embeddings'
  const position = g.weight(`${at}.position_embedding.weight`)
  const start = g.add(g.weight(`${at}.class_embedding`), g.slice(position, 0, 0, 1)) // [1, D]
  const time = g.reshape(g.slice(g.weight('STAN_time_embed.weight'), 0, 0, T), [1, T, 1, D])
  return {
    cls: g.mul(g.add(f.cls, start), scalar(g, 0.5)),
    patches: g.add(g.add(f.patches, g.slice(position, 0, 1, 1 + L)), time),
  }
}

/** Input of layer k > 0: previous output plus CLIP's features, through the paper's W_proj where the weights have one. */
function rejoin<X>(g: Algebra<X>, k: number, previous: Branch<X>, f: Branch<X>): Branch<X> {
  const at = `STAN_proj_layers.${k - 1}`
  const project = (x: X): X => (g.has(`${at}.weight`) ? linear(g, at, x) : x)
  return { cls: g.add(previous.cls, project(f.cls)), patches: g.add(previous.patches, project(f.patches)) }
}

/** Attention among the T frames at each patch position; the class token passes through. */
function temporal<X>(
  g: Algebra<X>,
  at: string,
  c: VisionConfig,
  { cls, patches }: Branch<X>,
  T: number,
): Branch<X> {
  const byPosition = g.reshape(g.transpose(patches, [0, 2, 1, 3]), [-1, T, c.width]) // [B·L, T, D]
  const mixed = g.add(byPosition, linear(g, `${at}.temporal_fc`, attend(g, at, byPosition, T, c)))
  return { cls, patches: g.transpose(g.reshape(mixed, [-1, c.patches, T, c.width]), [0, 2, 1, 3]) }
}

/** A CLIP layer within each frame; every frame has a copy of the class token, and their outputs are averaged. */
function spatial<X>(
  g: Algebra<X>,
  at: string,
  c: VisionConfig,
  { cls, patches }: Branch<X>,
  T: number,
): Branch<X> {
  const { width: D, patches: L } = c
  const copies = g.tile(g.reshape(cls, [-1, 1, 1, D]), [1, T, 1, 1])
  const perFrame = g.reshape(g.concat([copies, patches], 2), [-1, 1 + L, D]) // [B·T, 1+L, D]
  const update = unpack(g, c, attend(g, at, perFrame, 1 + L, c), T)
  const finish = (x: X, added: X): X => feedForward(g, at, g.add(x, added), c)
  return { cls: finish(cls, update.cls), patches: finish(patches, update.patches) }
}
