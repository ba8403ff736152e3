import type { DataType, Field, List, Schema } from 'apache-arrow'
import { arrow } from './arrow.js'

/** Raised when tables change so that an older stanflow could not read them. */
export const FORMAT = 1

/** The models that the index has tables for. */
export const MODELS = 'models'
/** Keys and values: how far each input has been read, which model is searched, the format. */
export const MARKS = 'marks'
/** Labels that came before their clips. */
export const WAITING = 'waiting_labels'

const required = (name: string, type: DataType): Field => new arrow.Field(name, type, false)
const optional = (name: string, type: DataType): Field => new arrow.Field(name, type, true)
const listOf = (type: DataType): List => new arrow.List(new arrow.Field('item', type, false))

/** A clip of a video with its vector and labels: what is searched. One table for each model. */
export function clipSchema(dim: number): Schema {
  return new arrow.Schema([
    required('clip_id', new arrow.Utf8()),
    required('source', new arrow.Utf8()),
    required('clip_index', new arrow.Int32()),
    required('start', new arrow.Float64()),
    required('end', new arrow.Float64()),
    required('sampling', new arrow.Utf8()),
    required('model_digest', new arrow.Utf8()),
    required('frame_times', listOf(new arrow.Float64())),
    optional('label', new arrow.Utf8()),
    optional('label_score', new arrow.Float32()),
    required('labels', listOf(new arrow.Utf8())),
    required('scores', listOf(new arrow.Float32())),
    required('similarities', listOf(new arrow.Float32())),
    optional('label_set', new arrow.Utf8()),
    required('origin', new arrow.Utf8()),
    required('indexed_at', new arrow.TimestampMillisecond()),
    required('vector', new arrow.FixedSizeList(dim, new arrow.Field('item', new arrow.Float32(), false))),
  ])
}

/** The vectors of clips' frames, where they are kept; what is deleted by is there as well. One table for each model. */
export function frameSchema(): Schema {
  return new arrow.Schema([
    required('clip_id', new arrow.Utf8()),
    required('source', new arrow.Utf8()),
    required('end', new arrow.Float64()),
    required('origin', new arrow.Utf8()),
    required('indexed_at', new arrow.TimestampMillisecond()),
    optional('frames', listOf(new arrow.Float32())),
    optional('weights', listOf(new arrow.Float32())),
  ])
}

export const WAITING_SCHEMA = new arrow.Schema([
  required('clip_id', new arrow.Utf8()),
  required('labels', listOf(new arrow.Utf8())),
  required('scores', listOf(new arrow.Float32())),
  required('similarities', listOf(new arrow.Float32())),
  required('label_set', new arrow.Utf8()),
  required('indexed_at', new arrow.TimestampMillisecond()),
])

export const MODEL_SCHEMA = new arrow.Schema([
  required('digest', new arrow.Utf8()),
  required('dim', new arrow.Int32()),
  optional('name', new arrow.Utf8()),
  optional('structure', new arrow.Utf8()),
  optional('precision', new arrow.Utf8()),
  required('table', new arrow.Utf8()),
  required('added_at', new arrow.TimestampMillisecond()),
])

export const MARK_SCHEMA = new arrow.Schema([
  required('key', new arrow.Utf8()),
  required('value', new arrow.Utf8()),
  required('at', new arrow.TimestampMillisecond()),
])
