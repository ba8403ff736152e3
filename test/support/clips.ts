import type { FramePixels, LoadedModel, LoadRequest } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'

/** Pictures that differ from each other, over their area and from seed to seed. */
export const pictures = (count: number, size: number, seed: number): readonly FramePixels[] =>
  Array.from({ length: count }, (_, t) => ({
    pixels: Uint8Array.from(
      { length: size * size * 3 },
      (_, i) => (i * (seed + 3) + t * 37 + ((i * i) >> 7)) % 256,
    ),
  }))

/** A clip of such pictures. */
export const clip = (seed: number, { size = 48, frames = 8 } = {}) => ({
  frames: pictures(frames, size, seed),
})

/** Loads a model for as long as `work` takes. */
export async function using<T>(wanted: LoadRequest, work: (model: LoadedModel) => Promise<T>): Promise<T> {
  const model = await loadOn(wanted)
  try {
    return await work(model)
  } finally {
    await model.close()
  }
}
