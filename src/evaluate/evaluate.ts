import type { Item } from './dataset.js'
import {
  dualSoftmax,
  type Recognition,
  type Retrieval,
  recognition,
  retrieval,
  type Similarities,
  transposed,
} from './metrics.js'

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
  readonly retrieval?: RetrievalScores
  readonly recognition?: Recognition
  readonly order?: OrderScores
}

/** Unit vectors of videos by path, and of texts as they are written. */
export interface Vectors {
  readonly videos: ReadonlyMap<string, Float32Array>
  readonly texts: ReadonlyMap<string, Float32Array>
}

/** Scores of a data set; what has no video vector is left out. `scale`: exp(logit_scale). */
export function score(items: readonly Item[], vectors: Vectors, scale: number): Scores {
  const seen = items.filter(({ path }) => vectors.videos.has(path))
  const captioned = seen.filter(({ text }) => text !== undefined)
  const labelled = firstOfEach(seen.filter(({ label }) => label !== undefined))
  const order = orderScores(labelled, vectors)
  return {
    ...(captioned.length > 0 && { retrieval: retrievalScores(captioned, vectors, scale) }),
    ...(labelled.length > 0 && { recognition: recognitionScores(labelled, vectors) }),
    ...(order !== undefined && { order }),
  }
}

/** The texts whose vectors `score` needs. */
export function textsOf(items: readonly Item[]): { readonly captions: string[]; readonly labels: string[] } {
  const distinct = (texts: readonly (string | undefined)[]): string[] => [
    ...new Set(texts.filter((text) => text !== undefined)),
  ]
  return {
    captions: distinct(items.map(({ text }) => text)),
    labels: distinct(items.flatMap(({ label, contrast }) => [label, contrast])),
  }
}

/** Names of labels' vectors among the texts: a label is not the caption of the same words, for it may have prompts. */
export const labelKey = (label: string): string => `label: ${label}`

/** Every caption is a query; a video with several is found by the best of them. The same words are one caption. */
function retrievalScores(items: readonly Item[], vectors: Vectors, scale: number): RetrievalScores {
  const videos = [...new Set(items.map(({ path }) => path))]
  const numbers = new Map(videos.map((path, n) => [path, n]))
  const owners = new Map<string, Set<number>>()
  for (const { path, text } of items) {
    const set = owners.get(text as string) ?? new Set()
    set.add(numbers.get(path) as number)
    owners.set(text as string, set)
  }
  const texts = [...owners.keys()]
  const partners = texts.map((text) => [...(owners.get(text) ?? [])])
  const back = videos.map((_, video) =>
    texts.flatMap((_text, n) => (partners[n]?.includes(video) ? [n] : [])),
  )
  const forth = similarities(
    texts.map((text) => vectors.texts.get(text) as Float32Array),
    videos.map((path) => vectors.videos.get(path) as Float32Array),
  )
  const turned = transposed(forth)
  return {
    textToVideo: retrieval(forth, partners),
    videoToText: retrieval(turned, back),
    textToVideoDual: retrieval(dualSoftmax(forth, scale), partners),
    videoToTextDual: retrieval(dualSoftmax(turned, scale), back),
  }
}

function recognitionScores(items: readonly Item[], vectors: Vectors): Recognition {
  const labels = [...new Set(items.map(({ label }) => label as string))].sort()
  const truth = items.map(({ label }) => labels.indexOf(label as string))
  return recognition(
    similarities(
      items.map(({ path }) => vectors.videos.get(path) as Float32Array),
      labels.map((label) => vectors.texts.get(labelKey(label)) as Float32Array),
    ),
    truth,
    labels,
  )
}

function orderScores(items: readonly Item[], vectors: Vectors): OrderScores | undefined {
  const pairs = items.filter(({ contrast }) => contrast !== undefined)
  if (pairs.length === 0) return undefined
  const right = pairs.filter(({ path, label, contrast }) => {
    const video = vectors.videos.get(path) as Float32Array
    const own = vectors.texts.get(labelKey(label as string)) as Float32Array
    const other = vectors.texts.get(labelKey(contrast as string)) as Float32Array
    return dot(video, own) > dot(video, other)
  })
  return { videos: pairs.length, right: right.length / pairs.length }
}

function firstOfEach(items: readonly Item[]): readonly Item[] {
  const byPath = new Map<string, Item>()
  for (const item of items) if (!byPath.has(item.path)) byPath.set(item.path, item)
  return [...byPath.values()]
}

function similarities(a: readonly Float32Array[], b: readonly Float32Array[]): Similarities {
  const data = Float64Array.from({ length: a.length * b.length }, (_, at) =>
    dot(a[Math.floor(at / b.length)] as Float32Array, b[at % b.length] as Float32Array),
  )
  return { rows: a.length, columns: b.length, data }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
