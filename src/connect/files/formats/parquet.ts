import { FixedSizeList, List, type RecordBatch } from 'apache-arrow'
import type { Embedding, Moment } from '../../../domain.js'
import { embeddingsFile, labelsFile } from '../layout.js'
import type { Codec, DecodedClip, FileFacts, LabelRow } from './codec.js'
import { type Column, float32s, float64Lists, float64s, int32s, texts, vectors } from './columns.js'
import { parquetMetadata, readParquet, writeParquet } from './parquet-file.js'

const MOMENT = ['clip_id', 'source', 'clip_index', 'start', 'end', 'model_digest', 'frame_times']
const LABEL = [
  ...['clip_id', 'source', 'clip_index', 'start', 'end', 'model_digest'],
  ...['label_set', 'rank', 'label', 'score', 'similarity'],
]

/**
 * Parquet. Embeddings: clip_id, source, clip_index int32, start, end (seconds), model_digest, frame_times list<float64>,
 * embedding fixed_size_list<float32>[dim]. Labels: a row per clip and rank.
 */
export const parquetCodec: Codec = {
  labelsFormat: 'parquet',

  encodeEmbeddings(place, part, rows, facts) {
    const framed = frameColumns(rows)
    const columns = [
      ...[...momentColumns(rows), vectors('embedding', facts.dim, pluck(rows, 'vector'))],
      ...framed,
    ]
    const metadata = fileMetadata(facts)
    if (framed.length > 0) metadata.set(FRAME_COLUMNS, framed.map(({ name }) => name).join(','))
    const bytes = writeParquet(columns, rows.length, metadata)
    return [{ path: embeddingsFile(place, part, 'parquet'), bytes }]
  },

  decodeEmbeddings([bytes], options) {
    if (bytes === undefined) return []
    const { vectors: withVectors, frames = false, keep = () => true } = options
    const stored = frames ? (parquetMetadata(bytes).get(FRAME_COLUMNS)?.split(',') ?? []) : []
    return readMoments(bytes, withVectors, stored).filter(keep)
  },

  encodeLabels(place, part, rows, facts) {
    const labelSet = rows[0]?.labelSet
    if (labelSet === undefined) return []
    const columns = [
      ...clipColumns(rows),
      texts('label_set', pluck(rows, 'labelSet')),
      int32s('rank', pluck(rows, 'rank')),
      texts('label', pluck(rows, 'label')),
      float32s('score', pluck(rows, 'score')),
      float32s('similarity', pluck(rows, 'similarity')),
    ]
    const metadata = fileMetadata(facts).set('stanflow.label_set', labelSet)
    const bytes = writeParquet(columns, rows.length, metadata)
    return [{ path: labelsFile(place, labelSet, part, 'parquet'), bytes }]
  },

  decodeLabels([bytes]) {
    if (bytes === undefined) return []
    return readParquet(bytes, LABEL).flatMap((batch) => {
      const at = cells(batch)
      return Array.from(
        { length: batch.numRows },
        (_, i): LabelRow => ({
          clipId: String(at('clip_id', i)),
          source: String(at('source', i)),
          clipIndex: Number(at('clip_index', i)),
          start: Number(at('start', i)),
          end: Number(at('end', i)),
          modelDigest: String(at('model_digest', i)),
          labelSet: String(at('label_set', i)),
          rank: Number(at('rank', i)),
          label: String(at('label', i)),
          score: Number(at('score', i)),
          similarity: Number(at('similarity', i)),
        }),
      )
    })
  },
}

/** Metadata: which columns of frames there are. */
const FRAME_COLUMNS = 'stanflow.frame_columns'

/** fixed_size_list<float32>[frames · dim] and [frames]; none where a row has none. */
function frameColumns(rows: readonly Embedding[]): Column[] {
  const all = rows.flatMap(({ frames }) => frames ?? [])
  const [first] = all
  if (first === undefined || all.length < rows.length) return []
  const weights = all.flatMap((one) => one.weights ?? [])
  const length = first.vectors.length
  return [
    vectors('frame_embeddings', length, pluck(all, 'vectors')),
    ...(weights.length < rows.length ? [] : [vectors('frame_weights', weights[0]?.length ?? 0, weights)]),
  ]
}

/** Everything of an embedding but its vector, as columns. */
export function momentColumns(rows: readonly (Moment & { readonly modelDigest: string })[]): Column[] {
  return [...clipColumns(rows), float64Lists('frame_times', pluck(rows, 'frameTimes'))]
}

function clipColumns(
  rows: readonly (Omit<Moment, 'frameTimes'> & { readonly modelDigest: string })[],
): Column[] {
  return [
    texts('clip_id', pluck(rows, 'clipId')),
    texts('source', pluck(rows, 'source')),
    int32s('clip_index', pluck(rows, 'clipIndex')),
    float64s('start', pluck(rows, 'start')),
    float64s('end', pluck(rows, 'end')),
    texts('model_digest', pluck(rows, 'modelDigest')),
  ]
}

function pluck<T, K extends keyof T>(rows: readonly T[], key: K): T[K][] {
  return rows.map((row) => row[key])
}

/** What `momentColumns` wrote, with the `embedding` column where asked for. */
export function readMoments(
  bytes: Uint8Array,
  withVectors: boolean,
  frameNames: readonly string[] = [],
): DecodedClip[] {
  const names = [...MOMENT, ...(withVectors ? ['embedding'] : []), ...frameNames]
  return readParquet(bytes, names).flatMap((batch) => {
    const at = cells(batch)
    const times = float64sOf(batch)
    const vector = withVectors ? vectorsOf(batch, 'embedding') : undefined
    const [frames, weights] = frameNames.map((name) => vectorsOf(batch, name))
    return Array.from(
      { length: batch.numRows },
      (_, i): DecodedClip => ({
        clipId: String(at('clip_id', i)),
        source: String(at('source', i)),
        clipIndex: Number(at('clip_index', i)),
        start: Number(at('start', i)),
        end: Number(at('end', i)),
        frameTimes: times(i),
        modelDigest: String(at('model_digest', i)),
        ...(vector === undefined ? {} : { vector: vector(i) }),
        ...(frames !== undefined && {
          frames: { vectors: frames(i), ...(weights !== undefined && { weights: weights(i) }) },
        }),
      }),
    )
  })
}

export function fileMetadata(facts: FileFacts): Map<string, string> {
  return new Map([
    ['stanflow.version', facts.version],
    ['stanflow.model_digest', facts.modelDigest],
    ['stanflow.dim', String(facts.dim)],
    ['stanflow.sampling', facts.sampling],
    ...(facts.more ?? []),
  ])
}

function cells(batch: RecordBatch): (column: string, row: number) => unknown {
  const columns = new Map(batch.schema.fields.map((field, i) => [field.name, batch.getChildAt(i)]))
  return (column, row) => columns.get(column)?.get(row)
}

function float64sOf(batch: RecordBatch): (row: number) => number[] {
  const column = batch.getChild('frame_times')
  if (!(column?.type instanceof List)) throw new TypeError('frame_times is no list')
  return (row) => Array.from<number>(column.get(row)?.toArray() ?? [])
}

function vectorsOf(batch: RecordBatch, name: string): (row: number) => Float32Array {
  const column = batch.getChild(name)
  if (!(column?.type instanceof FixedSizeList)) throw new TypeError(`${name} is no fixed-size list`)
  return (row) => Float32Array.from(column.get(row)?.toArray() ?? [])
}
