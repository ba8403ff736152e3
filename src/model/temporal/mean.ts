import { projectVision } from '../clip.js'
import type { Temporal } from './temporal.js'

/** The CLIP baseline (CLIP4Clip's meanP): frames embedded one by one, normalised, averaged. */
export const mean: Temporal = {
  name: 'mean',
  maxFrames: 64,
  detect: () => true,
  shapes: () => new Map(),
  reads: () => [],
  forward(g, config, vision, T) {
    const frames = g.reshape(projectVision(g, config, vision.cls), [-1, T, config.dim])
    return { frames, video: g.mean(g.l2normalize(frames), 1), steps: {} }
  },
}
