import type { LabelRow } from '../../src/connect/files/formats/codec.js'
import { labelRows } from '../../src/connect/files/formats/codec.js'
import { parquetCodec } from '../../src/connect/files/formats/parquet.js'
import { parquetMetadata } from '../../src/connect/files/formats/parquet-file.js'
import { shortDigest } from '../../src/connect/files/layout.js'
import type { TopicPartition } from '../../src/connect/kafka/client.js'
import type { EmbeddingRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import type { Embedding } from '../../src/domain.js'
import { VERSION } from '../../src/version.js'

/** A result out of its topic. */
export type Row = { readonly offset: bigint; readonly timestamp: number; readonly bytes: number } & (
  | { readonly kind: 'embeddings'; readonly value: EmbeddingRecord }
  | { readonly kind: 'labels'; readonly value: LabelsRecord }
)

export interface Limits {
  /** Records in a file at most. */
  readonly records: number
  readonly bytes: number
  /** Milliseconds that a file spans at most, by the records' own timestamps. */
  readonly span: number
}

const NEXT = 'stanflow.next_offset'

/** Records of a partition, from a first one on, on their way into one file. */
export class Segment {
  readonly at: TopicPartition
  readonly rows: Row[] = []
  /** When its first record came, by this machine's clock. */
  readonly begunMs = Date.now()
  bytes = 0

  constructor(at: TopicPartition) {
    this.at = at
  }

  get first(): Row | undefined {
    return this.rows[0]
  }

  /** Whether a record begins the next file. It depends on the records alone, so that a second try cuts alike. */
  endsBefore(row: Row, { records, bytes, span }: Limits): boolean {
    const { first } = this
    if (first === undefined) return false
    const end = (Math.floor(first.timestamp / span) + 1) * span
    if (this.rows.length >= records || this.bytes >= bytes || row.timestamp >= end) return true
    return recipe(first) !== recipe(row)
  }

  add(row: Row): void {
    this.rows.push(row)
    this.bytes += row.bytes
  }

  /** `embeddings/model=…/sample=…/dt=…/hour=…/<topic>-<partition>-<first offset>.parquet` */
  get key(): string {
    const { first, at } = this
    if (first === undefined) throw new TypeError('an empty segment has no key')
    const { model_digest: model, sampling } = first.value
    const time = new Date(first.timestamp).toISOString()
    const labels = first.kind === 'labels' ? [`labels=${shortDigest(first.value.label_set)}`] : []
    return [
      ...[first.kind, `model=${shortDigest(model)}`, `sample=${sampling}`, ...labels],
      ...[`dt=${time.slice(0, 10)}`, `hour=${time.slice(11, 13)}`],
      `${at.topic}-${at.partition}-${String(first.offset).padStart(20, '0')}.parquet`,
    ].join('/')
  }

  encode(): Uint8Array {
    const { first, rows } = this
    const last = rows.at(-1)
    if (first === undefined || last === undefined) throw new TypeError('an empty segment has no content')
    const { model_digest: modelDigest, sampling } = first.value
    const dim = first.kind === 'embeddings' ? first.value.dim : 0
    const facts = {
      ...{ version: VERSION, modelDigest, dim, sampling },
      more: new Map([
        ['stanflow.topic', this.at.topic],
        ['stanflow.partition', String(this.at.partition)],
        ['stanflow.first_offset', String(first.offset)],
        [NEXT, String(last.offset + 1n)],
      ]),
    }
    const place = { model: '', sample: '' }
    const [file] =
      first.kind === 'embeddings'
        ? parquetCodec.encodeEmbeddings(place, '', rows.flatMap(embedding), facts)
        : parquetCodec.encodeLabels(place, '', rows.flatMap(labels), facts)
    if (file === undefined) throw new TypeError('a segment without a file')
    return file.bytes
  }
}

/** Of the first record that a file does not hold; undefined where it is no file of an archive. */
export function nextOffset(bytes: Uint8Array): bigint | undefined {
  const text = parquetMetadata(bytes).get(NEXT)
  return text === undefined ? undefined : BigInt(text)
}

/** What shares a file. */
function recipe({ kind, value }: Row): string {
  const more = kind === 'embeddings' ? value.dim : value.label_set
  return JSON.stringify([value.model_digest, value.sampling, more])
}

function embedding({ kind, value }: Row): Embedding[] {
  if (kind !== 'embeddings') return []
  const vector = new Float32Array(value.dim)
  for (let i = 0; i < value.dim; i++) vector[i] = value.vector.readFloatLE(4 * i)
  return [{ ...moment(value), frameTimes: [...value.frame_times], vector }]
}

function labels({ kind, value }: Row): LabelRow[] {
  if (kind !== 'labels') return []
  return labelRows({ ...moment(value), frameTimes: [] }, value.labels, value.label_set)
}

function moment({ clip_id, source, clip_index, start, end, model_digest }: EmbeddingRecord | LabelsRecord) {
  return { clipId: clip_id, source, clipIndex: clip_index, start, end, modelDigest: model_digest }
}
