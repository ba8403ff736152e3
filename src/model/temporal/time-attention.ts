import type { Algebra } from '../algebra.js'
import type { VisionConfig } from '../config.js'
import { attend, linear } from '../layers.js'
import { linearShapes, normShapes, type Shapes, selfAttentionShapes } from '../shapes.js'

export function timeAttentionShapes(into: Shapes, at: string, width: number): void {
  normShapes(into, `${at}.layer_norm1`, width)
  selfAttentionShapes(into, `${at}.self_attn`, width)
  linearShapes(into, `${at}.temporal_fc`, width, width)
}

/**
 * What attention among the T frames at each patch position adds, `[B, T, L, D]` → `[B, T, L, D]`:
 * `temporal_fc`(attention(`layer_norm1`(x))).
 */
export function attendOverTime<X>(g: Algebra<X>, at: string, c: VisionConfig, patches: X, T: number): X {
  const byPosition = g.reshape(g.transpose(patches, [0, 2, 1, 3]), [-1, T, c.width]) // [B·L, T, D]
  const added = linear(g, `${at}.temporal_fc`, attend(g, at, byPosition, T, c))
  return g.transpose(g.reshape(added, [-1, c.patches, T, c.width]), [0, 2, 1, 3])
}
