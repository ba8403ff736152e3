import type { Algebra } from '../algebra.js'
import type { VisionConfig } from '../config.js'
import { linear } from '../layers.js'
import { linearShapes } from '../shapes.js'
import { stan } from './stan.js'

/** Down-projection of the width inside the module. */
const REDUCTION = 8

/** STAN whose frames are mixed by a convolution: Y + Up(GELU(Conv3D(Down(Y)))), as the paper writes it. */
export const stanConv = stan({
  name: 'stan-conv',
  mark: 'conv.weight',
  shapes(into, at, width) {
    const inner = width / REDUCTION
    linearShapes(into, `${at}.down`, inner, width)
    into.set(`${at}.conv.weight`, [inner, inner, 3, 1, 1]).set(`${at}.conv.bias`, [inner])
    linearShapes(into, `${at}.up`, width, inner)
  },
  mix<X>(g: Algebra<X>, at: string, { width: D, patches: L }: VisionConfig, patches: X, T: number): X {
    const inner = D / REDUCTION
    const mixed = overThreeFrames(g, at, linear(g, `${at}.down`, patches), T, L, inner)
    return linear(g, `${at}.up`, g.gelu(mixed))
  },
})

/**
 * A convolution with the kernel (3, 1, 1), padded with zeros, `[B, T, L, C]` → `[B, T, L, C]`: one linear layer over each
 * frame's previous, own and next values.
 */
function overThreeFrames<X>(g: Algebra<X>, at: string, x: X, T: number, L: number, C: number): X {
  const flat = g.reshape(x, [-1, T, L * C])
  const none = g.repeatBatch(g.constant({ shape: [1, 1, L * C], data: new Float32Array(L * C) }), flat)
  const shifted = (frames: readonly X[]): X =>
    g.reshape(frames.length === 1 ? (frames[0] as X) : g.concat(frames, 1), [-1, T, L, C])
  const previous = shifted(T === 1 ? [none] : [none, g.slice(flat, 1, 0, T - 1)])
  const next = shifted(T === 1 ? [none] : [g.slice(flat, 1, 1, T), none])
  // [C, C, 3] → [C, 3, C]: the weights of previous, own and next values side by side.
  const kernel = g.transpose(g.reshape(g.weight(`${at}.conv.weight`), [C, C, 3]), [0, 2, 1])
  return g.linear(
    g.concat([previous, x, next], 3),
    g.reshape(kernel, [C, 3 * C]),
    g.weight(`${at}.conv.bias`),
  )
}
