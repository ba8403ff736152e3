import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { openModel } from '../../pipelines/open-model.js'
import type { Reranker } from '../../pipelines/search/rerank.js'
import { openIndex, type SearchFilter } from '../../pipelines/search.js'
import { Folder } from '../../src/connect/files/folder-blobs.js'
import { readResults } from '../../src/connect/files/results.js'
import { dot } from '../../src/evaluate/compare.js'
import { retrieval } from '../../src/evaluate/metrics.js'
import { compareVectors } from '../../src/model/similarity/vectors.js'

export interface RetrievalPlaces {
  /** Scenes with their `captions.jsonl`. */
  readonly captions: string
  /** Their stored results. */
  readonly results: string
  readonly index: string
  /** Distinct captions that are looked for. */
  readonly queries: number
  /** Compare by this too, from the vectors of frames. */
  readonly rerank?: Reranker
}

export interface Found {
  readonly r1: number
  readonly r10: number
}

export interface Compared {
  readonly clips: number
  readonly queries: number
  /** By `evaluate`'s metrics, from the stored vectors. */
  readonly evaluated: Found
  /** By looking for each caption in the index. */
  readonly searched: Found
  /** The same two by the similarity asked for: every clip compared by it, and the best of the index reranked by it. */
  readonly reranked?: { readonly evaluated: Found; readonly searched: Found }
}

/** Text to video retrieval twice: as `evaluate` reckons it from stored vectors, and as a person gets it from the index. */
export async function compareRetrieval({
  captions,
  results,
  index,
  queries,
  rerank,
}: RetrievalPlaces): Promise<Compared> {
  const lines = (await readFile(captions, 'utf8')).trim().split('\n')
  const texts = new Map(
    lines.map((line) => {
      const { path, text } = JSON.parse(line) as { path: string; text: string }
      return [path, text]
    }),
  )
  const clips: { readonly source: string; readonly vector: Float32Array; readonly frames: Float32Array }[] =
    []
  const wanted = { vectors: true, frames: rerank !== undefined }
  for await (const { source, clips: own } of readResults(new Folder(results), wanted)) {
    for (const { vector, frames } of own) {
      if (vector !== undefined) clips.push({ source, vector, frames: frames?.vectors ?? new Float32Array() })
    }
  }
  const textOf = (source: string): string | undefined => texts.get(basename(source))
  const asked = [...new Set(clips.flatMap(({ source }) => textOf(source) ?? []))].slice(0, queries)
  const { model } = await openModel({
    ...{ model: 'default', structure: 'auto', engine: 'auto', device: 'auto', precision: 'fp32' },
    ...{ sampling: { kind: 'uniform', frames: 12 }, batch: 1, concurrency: 1 },
  })
  const encoded = await model.encodeTokens(asked).finally(() => model.close())
  const vectors = encoded.map(({ text }) => text)
  const data = Float64Array.from({ length: asked.length * clips.length }, (_, at) =>
    dot(
      vectors[Math.floor(at / clips.length)] as Float32Array,
      clips[at % clips.length]?.vector as Float32Array,
    ),
  )
  const partners = asked.map((text) => clips.flatMap(({ source }, n) => (textOf(source) === text ? [n] : [])))
  const { r1, r10 } = retrieval({ rows: asked.length, columns: clips.length, data }, partners)

  const opened = await openIndex({ index })
  const look = async (filter: SearchFilter): Promise<Found> => {
    let [first, ten] = [0, 0]
    for (const text of asked) {
      const moments = await opened.search({ text }, { top: 10, ...filter })
      const at = moments.findIndex(({ source }) => textOf(source) === text)
      if (at === 0) first++
      if (at >= 0) ten++
    }
    return { r1: first / asked.length, r10: ten / asked.length }
  }
  try {
    const searched = await look({})
    const both = { clips: clips.length, queries: asked.length, evaluated: { r1, r10 }, searched }
    if (rerank === undefined) return both
    const sides = clips.map(({ vector, frames }) => ({ video: vector, frames }))
    const compared = compareVectors(rerank, encoded, sides, { paddedTo: model.info.textLength })
    const all = retrieval({ rows: asked.length, columns: clips.length, data: compared }, partners)
    const evaluated = { r1: all.r1, r10: all.r10 }
    return { ...both, reranked: { evaluated, searched: await look({ rerank }) } }
  } finally {
    await opened.close()
  }
}
