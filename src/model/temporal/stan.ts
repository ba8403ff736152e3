import type { Algebra } from '../algebra.js'
import { projectVision, type VisionOutput } from '../clip.js'
import type { ClipConfig, VisionConfig } from '../config.js'
import { attend, attendFirst, feedForward, linear, scalar } from '../layers.js'
import { layerShapes, linearShapes, type Shapes } from '../shapes.js'
import { countLayers, lastLayers } from './depth.js'
import type { BranchNoise, ForwardOptions, Temporal, VideoOutput } from './temporal.js'

/** Time slots in `STAN_time_embed`. */
const TIME_SLOTS = 64

/** Outside training. */
const QUIET = {
  input: <X>(x: X): X => x,
  path:
    () =>
    <X>(x: X): X =>
      x,
}

/** The branch's state: one video class token `[B, 1, D]`, and the patches of every frame `[B, T, L, D]`. */
interface Branch<X> {
  readonly cls: X
  readonly patches: X
}

/** How a STAN mixes frames: what its kinds differ in. */
export interface TimeModule {
  readonly name: string
  /** A tensor that each of its layers has, after `STAN_T_layers.k.`, and no other kind's. */
  readonly mark: string
  shapes(into: Shapes, at: string, width: number): void
  /** What it adds to the patches of T frames, `[B, T, L, D]` → `[B, T, L, D]`. */
  mix<X>(g: Algebra<X>, at: string, config: VisionConfig, patches: X, frames: number): X
}

/**
 * STAN: K layers beside CLIP's last K, as the authors' released code computes it. Layer k reads its own previous output
 * plus the output of CLIP layer N-K+k, mixes the patches over time, then each frame over space.
 */
export function stan(time: TimeModule): Temporal {
  const depthOf = (has: (name: string) => boolean): number =>
    countLayers(has, (k) => `STAN_T_layers.${k}.${time.mark}`)
  return {
    name: time.name,
    maxFrames: TIME_SLOTS,
    detect: (names) => depthOf((name) => names.has(name)) > 0,
    depth: (names) => depthOf((name) => names.has(name)),
    reads: lastLayers,

    shapes(config, depth, names) {
      const { width: D } = config.vision
      const shapes: Shapes = new Map([['STAN_time_embed.weight', [TIME_SLOTS, D]]])
      for (const k of lastLayers(config, depth).keys()) {
        time.shapes(shapes, `STAN_T_layers.${k}`, D)
        layerShapes(shapes, `STAN_S_layers.${k}`, config.vision)
        if (k > 0 && names?.has(`${projection(k)}.weight`)) linearShapes(shapes, projection(k), D, D)
      }
      return shapes
    },

    forward<X>(
      g: Algebra<X>,
      config: ClipConfig,
      vision: VisionOutput<X>,
      T: number,
      { lean = false, noise = QUIET }: ForwardOptions<X> = {},
    ): VideoOutput<X> {
      const c = config.vision
      const steps: Record<string, X> = {}
      const record = (name: string, { cls, patches }: Branch<X>): void => {
        if (lean) return
        // The authors' joint sequence: class token first, then patches with time running fastest.
        const joint = g.reshape(g.transpose(patches, [0, 2, 1, 3]), [-1, c.patches * T, c.width])
        steps[name] = g.concat([cls, joint], 1)
      }

      let branch: Branch<X> | undefined
      const beside = lastLayers(
        config,
        depthOf((name) => g.has(name)),
      )
      for (const [k, n] of beside.entries()) {
        const features = unpack(g, c, vision.layers.get(n) as X, T)
        const input = branch === undefined ? enter(g, c, features, T, noise) : rejoin(g, k, branch, features)
        record(`branch_in_${k}`, input)
        const path = () => noise.path(k, beside.length)
        const mixed = path()(time.mix(g, `STAN_T_layers.${k}`, c, input.patches, T))
        const patches = g.add(input.patches, mixed)
        const overTime = { cls: input.cls, patches }
        record(`branch_t_${k}`, overTime)
        const at = `STAN_S_layers.${k}`
        if (lean && k === beside.length - 1) {
          branch = { cls: spatialClass(g, at, c, overTime, T, path), patches }
          continue
        }
        branch = spatial(g, at, c, overTime, T, path)
        record(`branch_s_${k}`, branch)
      }

      const clipCls = g.reshape(vision.cls, [-1, T, c.width])
      const cls = branch === undefined ? clipCls : g.add(clipCls, branch.cls)
      const frames = projectVision(g, config, cls) // [B, T, dim]
      return { frames, video: g.mean(frames, 1), steps, ...(branch && { branchCls: branch.cls }) }
    },
  }
}

/** The paper's W_proj in front of layer k > 0. The authors' released weights have none. */
const projection = (k: number): string => `STAN_proj_layers.${k - 1}`

/** A CLIP layer's output `[B·T, 1+L, D]` as the branch sees it: class tokens averaged over the frames. */
function unpack<X>(g: Algebra<X>, { width: D, patches: L }: VisionConfig, hidden: X, T: number): Branch<X> {
  const cls = g.reshape(g.slice(hidden, 1, 0, 1), [-1, T, D])
  return {
    cls: g.reshape(g.mean(cls, 1), [-1, 1, D]),
    patches: g.reshape(g.slice(hidden, 1, 1, 1 + L), [-1, T, L, D]),
  }
}

/** Input of layer 0: position and time embeddings are added, the class token is averaged with its initial value. */
function enter<X>(
  g: Algebra<X>,
  { width: D, patches: L }: VisionConfig,
  f: Branch<X>,
  T: number,
  noise: BranchNoise<X>,
): Branch<X> {
  const at = 'vision_model.embeddings'
  const position = g.weight(`${at}.position_embedding.weight`)
  const start = g.add(g.weight(`${at}.class_embedding`), g.slice(position, 0, 0, 1)) // [1, D]
  const time = g.reshape(g.slice(g.weight('STAN_time_embed.weight'), 0, 0, T), [1, T, 1, D])
  return {
    cls: g.mul(g.add(f.cls, start), scalar(g, 0.5)),
    patches: noise.input(g.add(g.add(f.patches, g.slice(position, 0, 1, 1 + L)), time)),
  }
}

/** Input of layer k > 0: previous output plus CLIP's features, through W_proj where the weights have one. */
function rejoin<X>(g: Algebra<X>, k: number, previous: Branch<X>, f: Branch<X>): Branch<X> {
  const at = projection(k)
  const project = (x: X): X => (g.has(`${at}.weight`) ? linear(g, at, x) : x)
  return { cls: g.add(previous.cls, project(f.cls)), patches: g.add(previous.patches, project(f.patches)) }
}

/** A residual path's noise, drawn once for all that it adds. */
type Path<X> = () => (added: X) => X

/** A CLIP layer within each frame; every frame has a copy of the class token, and their outputs are averaged. */
function spatial<X>(
  g: Algebra<X>,
  at: string,
  c: VisionConfig,
  branch: Branch<X>,
  T: number,
  path: Path<X>,
): Branch<X> {
  const update = unpack(g, c, attend(g, at, inEveryFrame(g, c, branch, T), 1 + c.patches, c), T)
  const [attended, fed] = [path(), path()]
  const finish = (x: X, added: X): X => feedForward(g, at, g.add(x, attended(added)), c, fed)
  return { cls: finish(branch.cls, update.cls), patches: finish(branch.patches, update.patches) }
}

/** The class token that `spatial` gives, without its patches. */
function spatialClass<X>(
  g: Algebra<X>,
  at: string,
  c: VisionConfig,
  branch: Branch<X>,
  T: number,
  path: Path<X>,
): X {
  const asked = attendFirst(g, at, inEveryFrame(g, c, branch, T), 1 + c.patches, c) // [B·T, 1, D]
  const update = g.reshape(g.mean(g.reshape(asked, [-1, T, c.width]), 1), [-1, 1, c.width])
  const [attended, fed] = [path(), path()]
  return feedForward(g, at, g.add(branch.cls, attended(update)), c, fed)
}

/** The class token in front of every frame's patches, `[B·T, 1+L, D]`. */
function inEveryFrame<X>(g: Algebra<X>, c: VisionConfig, { cls, patches }: Branch<X>, T: number): X {
  const copies = g.tile(g.reshape(cls, [-1, 1, 1, c.width]), [1, T, 1, 1])
  return g.reshape(g.concat([copies, patches], 2), [-1, 1 + c.patches, c.width])
}
