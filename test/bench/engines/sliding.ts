import type { ClipPixels, FramePixels } from '../../../src/engine/engine.js'
import { loadOn } from '../../../src/engine/host.js'
import { openModel } from '../../../src/model/load.js'
import { type Cost, costOf, medianCost, table } from '../table.js'
import { pictures } from './work.js'

const STRIDE = 2
const CLIPS = 16
/** Clips that are asked for together, as a backfill does. */
const BATCH = 8

/** Clips of T frames, two frames apart: every frame through CLIP for each of its clips, or once. */
export async function slidingWindow(model: string, T: number, rounds: number): Promise<string> {
  const { size } = openModel({ model, structure: 'auto' }).config.vision
  const request = {
    engine: 'openvino',
    device: 'cpu',
    model,
    structure: 'auto',
    frames: T,
    precision: 'fp32',
  } as const
  const apart = await loadOn(request)
  const sharing = await loadOn({ ...request, sharedFrames: 2 * BATCH * T })
  const frameBytes = size * size * 3
  const count = T + STRIDE * (CLIPS - 1)
  const clips = (): ClipPixels[] => {
    const data = pictures(count, size)
    // New objects: frames are recognised by identity.
    const frames = Array.from({ length: count }, (_, n): FramePixels => {
      return { pixels: data.subarray(n * frameBytes, (n + 1) * frameBytes) }
    })
    return Array.from({ length: CLIPS }, (_, n) => ({ frames: frames.slice(n * STRIDE, n * STRIDE + T) }))
  }
  const encode = async (loaded: typeof apart, all: readonly ClipPixels[]): Promise<Float32Array[]> => {
    const vectors: Float32Array[] = []
    for (let from = 0; from < all.length; from += BATCH)
      vectors.push(...(await loaded.encodeVideo(all.slice(from, from + BATCH))))
    return vectors
  }
  const costs = { apart: [] as Cost[], sharing: [] as Cost[] }
  let difference = 0
  try {
    for (let round = -1; round < rounds; round++) {
      const given = { apart: [] as Float32Array[], sharing: [] as Float32Array[] }
      const video = clips()
      const spent = {
        apart: await costOf(async () => given.apart.push(...(await encode(apart, video)))),
        sharing: await costOf(async () => given.sharing.push(...(await encode(sharing, video)))),
      }
      for (const [n, vector] of given.apart.entries())
        for (const [i, x] of vector.entries())
          difference = Math.max(difference, Math.abs(x - (given.sharing[n]?.[i] ?? Number.NaN)))
      if (round < 0) continue
      costs.apart.push(spent.apart)
      costs.sharing.push(spent.sharing)
    }
    const [whole, split] = [medianCost(costs.apart), medianCost(costs.sharing)]
    const share = (by: keyof Cost): string => `${((100 * split[by]) / whole[by]).toFixed(1)} %`
    const passes = ({ work }: typeof apart): number => Math.round(work.computed / (rounds + 1))
    return table([
      {
        way: 'each clip by itself',
        clips: CLIPS,
        'frames through CLIP': passes(apart),
        'clips/s': CLIPS / whole.wall,
        'processor s a clip': whole.cpu / CLIPS,
        'time by the clock': '100 %',
        'processor time': '100 %',
        'largest difference': '',
      },
      {
        way: 'frames shared',
        clips: CLIPS,
        'frames through CLIP': passes(sharing),
        'clips/s': CLIPS / split.wall,
        'processor s a clip': split.cpu / CLIPS,
        'time by the clock': share('wall'),
        'processor time': share('cpu'),
        'largest difference': difference.toExponential(1),
      },
    ])
  } finally {
    await apart.close()
    await sharing.close()
  }
}
