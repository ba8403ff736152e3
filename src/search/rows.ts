import type { Data, DataType, Schema, Table } from 'apache-arrow'
import type { FrameVectors, Label, Moment } from '../domain.js'
import { arrow } from './arrow.js'
import { clipSchema, MARK_SCHEMA, WAITING_SCHEMA } from './schema.js'

/** A clip's labels under one label set. */
export interface ClipLabels {
  readonly clipId: string
  /** Digest of the label set. */
  readonly labelSet: string
  /** Best first. */
  readonly labels: readonly Label[]
}

/** A clip on its way into the index. */
export interface IndexedClip extends Moment {
  readonly modelDigest: string
  /** As paths of results have it: `window-12-4s-2s`. */
  readonly sampling: string
  /** `[dim]`, unit length. */
  readonly vector: Float32Array
  readonly labels?: ClipLabels
  /** Where they are to be kept. */
  readonly frames?: FrameVectors
  /** The part or file of results that it was read from; empty where that was a topic. */
  readonly origin: string
  /** Milliseconds since 1970. */
  readonly indexedMs: number
}

export interface Mark {
  readonly key: string
  readonly value: string
}

export function clipTable(dim: number, clips: readonly IndexedClip[]): Table {
  const flat = new Float32Array(clips.length * dim)
  clips.forEach(({ vector }, i) => {
    flat.set(vector, i * dim)
  })
  const labels = clips.map((clip) => clip.labels?.labels ?? [])
  return table(clipSchema(dim), clips.length, {
    clip_id: clips.map(({ clipId }) => clipId),
    source: clips.map(({ source }) => source),
    clip_index: clips.map(({ clipIndex }) => clipIndex),
    start: clips.map(({ start }) => start),
    end: clips.map(({ end }) => end),
    sampling: clips.map(({ sampling }) => sampling),
    model_digest: clips.map(({ modelDigest }) => modelDigest),
    frame_times: clips.map(({ frameTimes }) => frameTimes),
    label: labels.map((all) => all[0]?.label ?? null),
    label_score: labels.map((all) => all[0]?.score ?? null),
    ...labelColumns(labels),
    label_set: clips.map((clip) => clip.labels?.labelSet ?? null),
    origin: clips.map(({ origin }) => origin),
    indexed_at: clips.map(({ indexedMs }) => indexedMs),
    vector: flat,
  })
}

export function waitingTable(rows: readonly ClipLabels[], nowMs: number): Table {
  return table(WAITING_SCHEMA, rows.length, {
    clip_id: rows.map(({ clipId }) => clipId),
    ...labelColumns(rows.map(({ labels }) => labels)),
    label_set: rows.map(({ labelSet }) => labelSet),
    indexed_at: rows.map(() => nowMs),
  })
}

export function markTable(marks: readonly Mark[], nowMs: number): Table {
  return table(MARK_SCHEMA, marks.length, {
    key: marks.map(({ key }) => key),
    value: marks.map(({ value }) => value),
    at: marks.map(() => nowMs),
  })
}

function labelColumns(labels: readonly (readonly Label[])[]) {
  return {
    labels: labels.map((all) => all.map(({ label }) => label)),
    scores: labels.map((all) => all.map(({ score }) => score)),
    similarities: labels.map((all) => all.map(({ similarity }) => similarity)),
  }
}

type Column = readonly unknown[] | Float32Array | Data

/**
 * Columns by name as an Arrow table of this schema. The vectors come flat, the rest as values, null where there is none, or made
 * already.
 */
export function table(schema: Schema, length: number, columns: Readonly<Record<string, Column>>): Table {
  const children = schema.fields.map(({ name, type }) => data(type, columns[name] ?? []))
  const struct = arrow.makeData({ type: new arrow.Struct(schema.fields), length, nullCount: 0, children })
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, struct)])
}

function data(type: DataType, values: Column): Data {
  if (values instanceof arrow.Data) return values
  if (values instanceof Float32Array && arrow.DataType.isFixedSizeList(type)) {
    const child = arrow.makeData({ type: new arrow.Float32(), data: values })
    return arrow.makeData({ type, length: values.length / type.listSize, nullCount: 0, child })
  }
  return arrow.vectorFromArray(values as unknown[], type).data[0] ?? arrow.makeData({ type: type as never })
}
