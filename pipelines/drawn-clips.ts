import type { ClipPixels } from '../src/engine/engine.js'

/**
 * Clips without a video: a slope of colours, two squares and a disc that move, and grain, all different from clip to clip and
 * the same on every machine. `size`: pixels of a side.
 */
export function* drawnClips(count: number, frames: number, size: number): Generator<ClipPixels> {
  for (let clip = 0; clip < count; clip++) {
    const random = uniform(clip + 1)
    const shapes = Array.from({ length: 3 }, (_, n) => ({
      round: n === 2,
      colour: [random() * 255, random() * 255, random() * 255],
      radius: (0.08 + random() * 0.17) * size,
      at: [random() * size, random() * size],
      step: [(random() - 0.5) * size * 0.1, (random() - 0.5) * size * 0.1],
    }))
    const slope = Array.from({ length: 9 }, () => random())
    yield {
      frames: Array.from({ length: frames }, (_, t) => {
        const pixels = new Uint8Array(size * size * 3)
        for (let y = 0, i = 0; y < size; y++) {
          for (let x = 0; x < size; x++) {
            const shape = shapes.find(
              ({ round, radius, at: [left = 0, top = 0], step: [dx = 0, dy = 0] }) => {
                const [u, v] = [Math.abs(x - left - dx * t), Math.abs(y - top - dy * t)]
                return round ? Math.hypot(u, v) < radius : Math.max(u, v) < radius
              },
            )
            for (let c = 0; c < 3; c++, i++) {
              const [a = 0, b = 0, d = 0] = slope.slice(c * 3, c * 3 + 3)
              const ground = 255 * (a * 0.6 + (b * x + d * y) / (5 * size))
              pixels[i] = (shape?.colour[c] ?? ground) + (random() - 0.5) * 12
            }
          }
        }
        return { pixels }
      }),
    }
  }
}

/** Mulberry32. */
function uniform(seed: number): () => number {
  let state = seed * 0x9e3779b9
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
