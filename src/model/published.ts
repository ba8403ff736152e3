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

export const PUBLISHED_DATA = ['msrvtt', 'didemo', 'lsmdc', 'k400', 'ssv2'] as const
export type PublishedData = (typeof PUBLISHED_DATA)[number]

/** A result that a paper gives, in percent: R@1 from text to video, or top-1 of recognition. */
export interface PublishedResult {
  readonly structure: string
  readonly model: string
  readonly data: PublishedData
  readonly percent: number
  /** In each view. Absent, as `views` is, where we have the figure without its protocol. */
  readonly frames?: number
  /** Spatial crops whose answers are averaged. */
  readonly views?: number
}

/** How each data set is tested with STAN: the frames of a retrieval; a recognition says its own. */
const RETRIEVAL = {
  ...{ msrvtt: { frames: 12, views: 1 }, didemo: { frames: 64, views: 1 }, lsmdc: { frames: 12, views: 1 } },
} as const

/** As the STAN paper (CVPR 2023) tables them, with frames and views where they are known. */
export const PUBLISHED_RESULTS: readonly PublishedResult[] = [
  ...of('mean', 'CLIP B/32', { msrvtt: 43.1, didemo: 43.4 }),
  ...of('mean', 'CLIP B/16', { k400: 79.9, ssv2: 44.0 }),
  ...of('posterior', 'CLIP4Clip B/32', { msrvtt: 44.5, didemo: 43.4, lsmdc: 21.6 }),
  ...of('stan-self', 'STAN-self B/32', { msrvtt: 46.9, didemo: 46.2, lsmdc: 23.7 }, RETRIEVAL),
  ...of('stan-self', 'STAN-self B/16', { msrvtt: 50.0, lsmdc: 27.1 }, RETRIEVAL),
  ...of('stan-self', 'STAN-self B/16', { k400: 84.2, ssv2: 67.6 }, recognised(8)),
  ...of('stan-self', 'STAN-self B/16', { k400: 84.9, ssv2: 69.5 }, recognised(16)),
  ...of('stan-conv', 'STAN-conv B/32', { msrvtt: 46.6, didemo: 46.5, lsmdc: 23.1 }, RETRIEVAL),
  ...of('stan-conv', 'STAN-conv B/16', { didemo: 49.4 }, RETRIEVAL),
  ...of('stan-conv', 'STAN-conv B/16', { k400: 83.1, ssv2: 65.2 }, recognised(8)),
]

type Protocols = Readonly<Partial<Record<PublishedData, { readonly frames: number; readonly views: number }>>>

function recognised(frames: number): Protocols {
  const protocol = { frames, views: PUBLISHED_VIEWS }
  return { k400: protocol, ssv2: protocol }
}

function of(
  structure: string,
  model: string,
  percents: Readonly<Partial<Record<PublishedData, number>>>,
  protocols: Protocols = {},
): PublishedResult[] {
  return PUBLISHED_DATA.flatMap((data) => {
    const percent = percents[data]
    return percent === undefined ? [] : [{ structure, model, data, percent, ...protocols[data] }]
  })
}

/** `16 frames, 3 views`; a single view goes without saying, and nothing is said of what is not known. */
export function protocolOf({ frames, views = 1 }: Pick<PublishedResult, 'frames' | 'views'>): string {
  if (frames === undefined) return ''
  return `${frames} frames${views === 1 ? '' : `, ${views} views`}`
}
