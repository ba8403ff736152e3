import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { openModel } from '../../pipelines/open-model.js'
import { openIndex } from '../../pipelines/search.js'
import { Folder } from '../../src/connect/files/folder-blobs.js'
import { readResults } from '../../src/connect/files/results.js'
import { dot } from '../../src/evaluate/compare.js'
import { retrieval } from '../../src/evaluate/metrics.js'

export interface RetrievalPlaces {
  /** Scenes with their `captions.jsonl`. */
  readonly captions: string
  /** Their stored results. */
  readonly results: string
  readonly index: string
  /** Distinct captions that are looked for. */
  readonly queries: number
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
}

/** Text to video retrieval twice: as `evaluate` reckons it from stored vectors, and as a person gets it from the index. */
export async function compareRetrieval({
  captions,
  results,
  index,
  queries,
}: RetrievalPlaces): Promise<Compared> {
  const lines = (await readFile(captions, 'utf8')).trim().split('\n')
  const texts = new Map(
    lines.map((line) => {
      const { path, text } = JSON.parse(line) as { path: string; text: string }
      return [path, text]
    }),
  )
  const clips: { readonly source: string; readonly vector: Float32Array }[] = []
  for await (const { source, clips: own } of readResults(new Folder(results), { vectors: true })) {
    for (const { vector } of own) if (vector !== undefined) clips.push({ source, vector })
  }
  const textOf = (source: string): string | undefined => texts.get(basename(source))
  const asked = [...new Set(clips.flatMap(({ source }) => textOf(source) ?? []))].slice(0, queries)
  const { model } = await openModel({
    ...{ model: 'default', structure: 'auto', engine: 'auto', device: 'auto', precision: 'fp32' },
    ...{ sampling: { kind: 'uniform', frames: 12 }, batch: 1, concurrency: 1 },
  })
  const vectors = await model.encodeText(asked).finally(() => model.close())
  const data = Float64Array.from({ length: asked.length * clips.length }, (_, at) =>
    dot(
      vectors[Math.floor(at / clips.length)] as Float32Array,
      clips[at % clips.length]?.vector as Float32Array,
    ),
  )
  const partners = asked.map((text) => clips.flatMap(({ source }, n) => (textOf(source) === text ? [n] : [])))
  const { r1, r10 } = retrieval({ rows: asked.length, columns: clips.length, data }, partners)

  const opened = await openIndex({ index })
  let [first, ten] = [0, 0]
  try {
    for (const text of asked) {
      const moments = await opened.search({ text }, { top: 10 })
      const at = moments.findIndex(({ source }) => textOf(source) === text)
      if (at === 0) first++
      if (at >= 0) ten++
    }
  } finally {
    await opened.close()
  }
  const searched = { r1: first / asked.length, r10: ten / asked.length }
  return { clips: clips.length, queries: asked.length, evaluated: { r1, r10 }, searched }
}
