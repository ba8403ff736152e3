import type { Algebra } from '../algebra.js'
import { projectVision, type VisionOutput } from '../clip.js'
import type { ClipConfig } from '../config.js'
import type { Temporal, VideoOutput } from './temporal.js'

/** The CLIP baseline (CLIP4Clip's meanP): frames embedded one by one, normalised, averaged. */
export const mean: Temporal = {
  name: 'mean',
  maxFrames: 64,
  detect: () => true,
  depth: () => 0,
  shapes: () => new Map(),
  reads: () => [],
  forward: (g, config, vision, T) => averageFrames(g, embedFrames(g, config, vision, T)),
}

/** Each frame by its class token, `[B, T, dim]`. */
export function embedFrames<X>(
  g: Algebra<X>,
  config: ClipConfig,
  { cls }: Pick<VisionOutput<X>, 'cls'>,
  T: number,
): X {
  return g.reshape(projectVision(g, config, cls), [-1, T, config.dim])
}

/** A video is the mean of its frames, each of unit length. */
export function averageFrames<X>(g: Algebra<X>, frames: X): VideoOutput<X> {
  return { frames, video: g.mean(g.l2normalize(frames), 1), steps: {} }
}
