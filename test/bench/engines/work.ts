import type { HostArray } from '../../../src/engine/engine.js'
import type { Algebra, Weights } from '../../../src/model/algebra.js'
import type { ModelGraph } from '../../../src/model/graphs.js'
import { randomWeights } from '../../../src/model/random.js'

/** Square products, one after another: what an engine's matrix product can do at best. */
const SIDE = 1536
const ROWS = 1536
const PRODUCTS = 8

export const GEMM_FLOP = 2 * ROWS * SIDE * SIDE * PRODUCTS

/** A chain of linear layers, with their activation ranges for int8. */
export const gemm: { graph: ModelGraph; weights: Weights; input: HostArray; ranges: object } = {
  graph: {
    name: 'gemm',
    inputs: [{ name: 'x', type: 'float32', shape: ['rows', SIDE] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['rows', SIDE] }],
    build<X>(g: Algebra<X>, inputs: Readonly<Record<string, X>>) {
      let y = inputs.x as X
      for (let n = 0; n < PRODUCTS; n++) y = g.linear(y, g.weight(layer(n)))
      return { y }
    },
  },
  weights: randomWeights(
    new Map(Array.from({ length: PRODUCTS }, (_, n) => [layer(n), [SIDE, SIDE]] as const)),
    1,
  ),
  input: {
    shape: [ROWS, SIDE],
    data: Float32Array.from({ length: ROWS * SIDE }, (_, i) => Math.sin(i * 1.7) * 1.5),
  },
  ranges: Object.fromEntries(Array.from({ length: PRODUCTS }, (_, n) => [layer(n), { min: -5, max: 5 }])),
}

function layer(n: number): string {
  return `gemm.${n}.weight`
}

/** Pictures with slopes, edges and noise, `[count, S, S, 3]`; `seed` tells one video from another. */
export function pictures(count: number, size: number, seed = 1): Uint8Array {
  const out = new Uint8Array(count * size * size * 3)
  let state = seed
  for (let n = 0, i = 0; n < count; n++) {
    const [fx, fy, radius] = [
      0.02 * (1 + ((seed * 7) % 11)),
      0.03 * (1 + ((seed * 5) % 7)),
      20 + ((seed * 13) % 60),
    ]
    const [cx, cy] = [(seed * 37 + n * 9) % size, (seed * 53 + n * 5) % size]
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const inside = (x - cx) ** 2 + (y - cy) ** 2 < radius * radius
        for (let c = 0; c < 3; c++, i++) {
          state = (Math.imul(state, 1664525) + 1013904223) | 0
          const noise = (state >>> 27) - 16
          const slope = 128 + 90 * Math.sin(fx * x + fy * y + c + seed + n * 0.2)
          out[i] = Math.max(0, Math.min(255, (inside ? (seed * 71 * (c + 1)) % 256 : slope) + noise))
        }
      }
    }
  }
  return out
}
