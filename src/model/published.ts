import type { OpenModel } from './load.js'

/** A cost that the STAN paper gives, for a CLIP ViT-B/16 at 224 and three views of a video. */
export interface PublishedCost {
  readonly structure: string
  readonly depth: number
  /** In each view. */
  readonly frames: number
  /** 10⁹, of all views. */
  readonly gflops: number
  /** Whose recognition it is. */
  readonly dataset: 'K400' | 'SSv2'
}

export const PUBLISHED_VIEWS = 3

/**
 * By our count they are the multiply-accumulates of the linear layers, attention's two products left out. For STAN-conv
 * they are far above what the paper's own formula for its temporal module comes to.
 */
export const PUBLISHED_COSTS: readonly PublishedCost[] = [
  { structure: 'stan-self', depth: 4, frames: 8, gflops: 593, dataset: 'K400' },
  { structure: 'stan-self', depth: 4, frames: 16, gflops: 1187, dataset: 'K400' },
  { structure: 'stan-self', depth: 6, frames: 8, gflops: 688, dataset: 'SSv2' },
  { structure: 'stan-self', depth: 6, frames: 16, gflops: 1376, dataset: 'SSv2' },
  { structure: 'stan-conv', depth: 4, frames: 8, gflops: 714, dataset: 'K400' },
  { structure: 'stan-conv', depth: 6, frames: 8, gflops: 845, dataset: 'SSv2' },
]

/** What the paper says of this very model, if it does. */
export function publishedCost(
  { config, structure, weights }: Pick<OpenModel, 'config' | 'structure' | 'weights'>,
  frames: number,
): PublishedCost | undefined {
  const { width, layers, patch, size } = config.vision
  if (width !== 768 || layers !== 12 || patch !== 16 || size !== 224) return undefined
  const depth = structure.depth(weights.names)
  return PUBLISHED_COSTS.find(
    (cost) => cost.structure === structure.name && cost.depth === depth && cost.frames === frames,
  )
}

/** Results that papers give, in percent: R@1 from text to video, and top-1 of recognition. */
export interface PublishedResult {
  readonly structure: string
  readonly model: string
  readonly msrvtt?: number
  readonly didemo?: number
  readonly lsmdc?: number
  readonly k400?: number
  readonly ssv2?: number
}

/** As the STAN paper (CVPR 2023) tables them; the best number of frames of each. */
export const PUBLISHED_RESULTS: readonly PublishedResult[] = [
  { structure: 'mean', model: 'CLIP B/32', msrvtt: 43.1, didemo: 43.4 },
  { structure: 'mean', model: 'CLIP B/16', k400: 79.9, ssv2: 44.0 },
  { structure: 'posterior', model: 'CLIP4Clip B/32', msrvtt: 44.5, didemo: 43.4, lsmdc: 21.6 },
  { structure: 'stan-self', model: 'STAN-self B/32', msrvtt: 46.9, didemo: 46.2, lsmdc: 23.7 },
  { structure: 'stan-self', model: 'STAN-self B/16', msrvtt: 50.0, lsmdc: 27.1, k400: 84.9, ssv2: 69.5 },
  { structure: 'stan-conv', model: 'STAN-conv B/32', msrvtt: 46.6, didemo: 46.5, lsmdc: 23.1 },
  { structure: 'stan-conv', model: 'STAN-conv B/16', didemo: 49.4, k400: 83.1, ssv2: 65.2 },
]
