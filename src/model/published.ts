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
