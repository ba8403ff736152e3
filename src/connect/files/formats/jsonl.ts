import type { Embedding } from '../../../domain.js'
import { embeddingsFile, labelsFile } from '../layout.js'
import type { Codec, DecodedClip, LabelRow } from './codec.js'

interface EmbeddingLine {
  readonly clip_id: string
  readonly source: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
  readonly frame_times: readonly number[]
  readonly model_digest: string
  readonly embedding: readonly number[]
  readonly frame_embeddings?: readonly number[]
  readonly frame_weights?: readonly number[]
}

interface LabelLine
  extends Omit<EmbeddingLine, 'frame_times' | 'embedding' | 'frame_embeddings' | 'frame_weights'> {
  readonly label_set: string
  readonly rank: number
  readonly label: string
  readonly score: number
  readonly similarity: number
}

/** One JSON object a line, with the field names of the Parquet columns. */
export const jsonlCodec: Codec = {
  labelsFormat: 'jsonl',

  encodeEmbeddings(place, part, rows) {
    return [{ path: embeddingsFile(place, part, 'jsonl'), bytes: toLines(rows.map(embeddingLine)) }]
  },

  decodeEmbeddings([bytes], options) {
    const { keep = () => true } = options
    const clips = lines<EmbeddingLine>(bytes).map(
      (line): DecodedClip => ({
        ...momentOf(line),
        frameTimes: line.frame_times,
        ...(options.vectors ? { vector: Float32Array.from(line.embedding) } : {}),
        ...(options.frames === true && framesOf(line)),
      }),
    )
    return clips.filter(keep)
  },

  encodeLabels(place, part, rows) {
    const labelSet = rows[0]?.labelSet
    if (labelSet === undefined) return []
    return [{ path: labelsFile(place, labelSet, part, 'jsonl'), bytes: toLines(rows.map(labelLine)) }]
  },

  decodeLabels([bytes]) {
    return lines<LabelLine>(bytes).map(
      (line): LabelRow => ({
        ...momentOf(line),
        ...{ labelSet: line.label_set, rank: line.rank, label: line.label },
        ...{ score: line.score, similarity: line.similarity },
      }),
    )
  },
}

function embeddingLine(row: Embedding): EmbeddingLine {
  return {
    ...head(row),
    frame_times: row.frameTimes,
    model_digest: row.modelDigest,
    embedding: Array.from(row.vector, shortest),
    ...(row.frames !== undefined && { frame_embeddings: Array.from(row.frames.vectors, shortest) }),
    ...(row.frames?.weights !== undefined && { frame_weights: Array.from(row.frames.weights, shortest) }),
  }
}

function framesOf({ frame_embeddings: vectors, frame_weights: weights }: EmbeddingLine) {
  if (vectors === undefined) return undefined
  return {
    frames: {
      vectors: Float32Array.from(vectors),
      ...(weights !== undefined && { weights: Float32Array.from(weights) }),
    },
  }
}

function labelLine(row: LabelRow): LabelLine {
  const { labelSet: label_set, rank, label } = row
  const numbers = { score: shortest(row.score), similarity: shortest(row.similarity) }
  return { ...head(row), model_digest: row.modelDigest, label_set, rank, label, ...numbers }
}

function head(row: Omit<LabelRow, 'label' | 'score' | 'similarity' | 'rank' | 'labelSet'>) {
  const { clipId: clip_id, source, clipIndex: clip_index, start, end } = row
  return { clip_id, source, clip_index, start, end }
}

function momentOf(line: Omit<EmbeddingLine, 'frame_times' | 'embedding'>) {
  const { clip_id: clipId, source, clip_index: clipIndex, start, end, model_digest: modelDigest } = line
  return { clipId, source, clipIndex, start, end, modelDigest }
}

/** Nine significant digits name every float32 exactly. */
function shortest(value: number): number {
  return Number(value.toPrecision(9))
}

function toLines(rows: readonly object[]): Uint8Array {
  return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}

function lines<T>(bytes: Uint8Array | undefined): T[] {
  if (bytes === undefined) return []
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): T => JSON.parse(line))
}
