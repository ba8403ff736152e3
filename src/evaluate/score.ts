import type { DataItem, DataSet } from '../datasets/dataset.js'
import { StanflowError } from '../errors.js'
import type { SimilarityName } from '../model/similarity/similarities.js'
import { compareAll, compareViews, dot } from './compare.js'
import {
  dualSoftmax,
  type Recognition,
  type Retrieval,
  recognition,
  retrieval,
  type Similarities,
  transposed,
} from './metrics.js'
import { type Mistakes, worstAnswers, worstQueries } from './mistakes.js'
import { isRetrieval, queriesOf } from './queries.js'
import type { CaptionVectors, ItemVectors } from './vector-cache.js'

export interface RetrievalScores {
  readonly textToVideo: Retrieval
  readonly videoToText: Retrieval
  /** The same with dual softmax, which knows all the queries. */
  readonly textToVideoDual: Retrieval
  readonly videoToTextDual: Retrieval
}

export interface OrderScores {
  readonly videos: number
  /** Share whose label scores above its contrast. */
  readonly right: number
}

export interface Scores {
  /** By similarity. */
  readonly retrieval?: Readonly<Partial<Record<SimilarityName, RetrievalScores>>>
  readonly recognition?: Recognition
  readonly order?: OrderScores
  readonly mistakes: Mistakes
}

export interface Vectors {
  readonly videos: ReadonlyMap<DataItem, ItemVectors>
  readonly captions: ReadonlyMap<string, CaptionVectors>
  /** Labels, with their prompts averaged. */
  readonly labels: ReadonlyMap<string, Float32Array>
}

export interface ScoreOptions {
  readonly similarities: readonly SimilarityName[]
  /** exp(logit_scale) */
  readonly scale: number
  /** Tokens that texts were padded to. */
  readonly paddedTo: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Scores of a data set; what has no video vector is left out.
 * @throws StanflowError MODEL_WEIGHTS where a similarity is no finite number; the signal's reason
 */
export async function score(set: DataSet, vectors: Vectors, options: ScoreOptions): Promise<Scores> {
  const seen = set.items.filter((item) => vectors.videos.has(item))
  const captioned = isRetrieval(set) ? seen.filter(({ captions }) => captions.length > 0) : []
  const labelled = seen.filter(({ label }) => label !== undefined)
  const found = captioned.length === 0 ? undefined : await retrievalScores(set, captioned, vectors, options)
  const recognised = labelled.length === 0 ? undefined : recognitionScores(set, labelled, vectors, options)
  const order = orderScores(labelled, vectors)
  return {
    ...(found !== undefined && { retrieval: found.scores }),
    ...(recognised !== undefined && { recognition: recognised.scores }),
    ...(order !== undefined && { order }),
    mistakes: { queries: found?.worst ?? [], answers: recognised?.worst ?? [] },
  }
}

/** The texts whose vectors `score` needs. */
export function textsOf(set: DataSet): { readonly captions: string[]; readonly labels: string[] } {
  const captions = isRetrieval(set) ? set.items.flatMap((item) => item.captions) : []
  const contrasts = set.items.flatMap(({ contrast }) => contrast ?? [])
  return {
    captions: [...new Set(captions)],
    labels: [...new Set([...(set.classes ?? []), ...contrasts])],
  }
}

async function retrievalScores(
  set: DataSet,
  items: readonly DataItem[],
  vectors: Vectors,
  { similarities, scale, paddedTo, signal }: ScoreOptions,
) {
  const { texts, partners, back } = queriesOf(items, set)
  const captions = texts.map((text) => vectors.captions.get(text) as CaptionVectors)
  const videos = items.map((item) => vectors.videos.get(item) as ItemVectors)
  const scores: Partial<Record<SimilarityName, RetrievalScores>> = {}
  let first: Similarities | undefined
  for (const similarity of similarities) {
    const forth = await compareAll(similarity, captions, videos, { paddedTo, signal })
    checkFinite(forth.data)
    first ??= forth
    scores[similarity] = bothWays(forth, { partners, back }, scale)
  }
  const worst = first === undefined ? [] : worstQueries(first, { texts, partners, items })
  return { scores, worst }
}

/** Text to video and back, each with dual softmax too. `forth`: texts with videos. */
export function bothWays(
  forth: Similarities,
  { partners, back }: { partners: readonly (readonly number[])[]; back: readonly (readonly number[])[] },
  scale: number,
): RetrievalScores {
  const turned = transposed(forth)
  return {
    textToVideo: retrieval(forth, partners),
    videoToText: retrieval(turned, back),
    textToVideoDual: retrieval(dualSoftmax(forth, scale), partners),
    videoToTextDual: retrieval(dualSoftmax(turned, scale), back),
  }
}

function recognitionScores(
  { classes = [] }: DataSet,
  items: readonly DataItem[],
  vectors: Vectors,
  { scale }: ScoreOptions,
) {
  const numbers = new Map(classes.map((label, n) => [label, n]))
  const truth = items.map(({ label }) => numbers.get(label as string) as number)
  const scored = compareViews(
    items.map((item) => vectors.videos.get(item) as ItemVectors),
    classes.map((label) => vectors.labels.get(label) as Float32Array),
    scale,
  )
  checkFinite(scored.data)
  return {
    scores: recognition(scored, truth, classes),
    worst: worstAnswers(scored, { truth, classes, items }),
  }
}

function orderScores(items: readonly DataItem[], { videos, labels }: Vectors): OrderScores | undefined {
  const pairs = items.filter(({ contrast }) => contrast !== undefined)
  if (pairs.length === 0) return undefined
  const right = pairs.filter((item) => {
    const [video] = (videos.get(item) as ItemVectors).views
    const like = (label: string | undefined): number => {
      const similarity = dot(video as Float32Array, labels.get(label as string) as Float32Array)
      checkFinite([similarity])
      return similarity
    }
    return like(item.label) > like(item.contrast)
  })
  return { videos: pairs.length, right: right.length / pairs.length }
}

/** Nothing can be said of a model that says nothing. @throws StanflowError MODEL_WEIGHTS */
export function checkFinite(numbers: ArrayLike<number>): void {
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue
    throw new StanflowError('MODEL_WEIGHTS', `The model answers ${numbers[i]} where a number should be.`, {
      hint: "The model's weights are not finite, as after a training that diverged: take an earlier checkpoint. In half precision, try --precision fp32.",
    })
  }
}
