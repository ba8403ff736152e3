import type { Shapes } from '../shapes.js'
import { countLayers, lastLayers } from './depth.js'
import { averageFrames, embedFrames } from './mean.js'
import type { Temporal } from './temporal.js'
import { attendOverTime, timeAttentionShapes } from './time-attention.js'

const depthOf = (has: (name: string) => boolean): number =>
  countLayers(has, (k) => `temporal_layers.${k}.temporal_fc.weight`)

/**
 * Divided space-time attention inside CLIP, as in TimeSformer: before each of CLIP's last K layers the patches attend to
 * those at their position in the other frames; class tokens pass. CLIP's own features then depend on the whole clip.
 */
export const intermediate: Temporal = {
  name: 'intermediate',
  maxFrames: 64,
  detect: (names) => depthOf((name) => names.has(name)) > 0,
  depth: (names) => depthOf((name) => names.has(name)),
  reads: () => [],

  shapes(config, depth) {
    const shapes: Shapes = new Map()
    for (const k of lastLayers(config, depth).keys())
      timeAttentionShapes(shapes, `temporal_layers.${k}`, config.vision.width)
    return shapes
  },

  insert(g, config, n, hidden, T) {
    const k = lastLayers(
      config,
      depthOf((name) => g.has(name)),
    ).indexOf(n)
    if (k === -1) return hidden
    const { width: D, patches: L } = config.vision
    const patches = g.reshape(g.slice(hidden, 1, 1, 1 + L), [-1, T, L, D])
    const mixed = g.add(patches, attendOverTime(g, `temporal_layers.${k}`, config.vision, patches, T))
    return g.concat([g.slice(hidden, 1, 0, 1), g.reshape(mixed, [-1, L, D])], 1)
  },

  forward: (g, config, vision, T) => averageFrames(g, embedFrames(g, config, vision, T)),
}
