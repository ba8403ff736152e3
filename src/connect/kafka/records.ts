/** What the values of each topic hold, as the schemas in `schemas/` say. */

export interface VideoRecord {
  readonly request_id: string
  readonly source: string
  readonly uri: string
  readonly bytes: number | null
  readonly etag: string | null
  readonly sample: SampleRecord | null
}

export interface SampleRecord {
  readonly kind: 'uniform' | 'window'
  readonly frames: number
  readonly length: number | null
  readonly stride: number | null
}

/** Where pictures of a clip lie that are too large for the topic: JPEGs one after the other, in one object. */
export interface Claim {
  /** `s3://bucket/key`, or an absolute path. */
  readonly uri: string
  /** Bytes of each picture, in order. */
  readonly sizes: readonly number[]
  /** Of the whole object, in hexadecimal. */
  readonly sha256: string
}

export interface ClipRecord {
  readonly clip_id: string
  readonly source: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
  readonly frame_times: readonly number[]
  /** JPEG; none where there is a claim. */
  readonly frames: readonly Buffer[]
  /** Where they lie instead. */
  readonly claim?: Claim | null
}

interface ResultRecord {
  readonly clip_id: string
  readonly source: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
  readonly model_digest: string
  readonly sampling: string
}

export interface EmbeddingRecord extends ResultRecord {
  readonly frame_times: readonly number[]
  readonly dim: number
  /** `[dim]` float32, little-endian. */
  readonly vector: Buffer
}

export interface LabelsRecord extends ResultRecord {
  readonly label_set: string
  readonly labels: readonly { readonly label: string; readonly score: number; readonly similarity: number }[]
}

export interface EventRecord {
  readonly event_id: string
  readonly episode_id: string
  readonly source: string
  /** An `EventKind` of the domain, or what a later version calls it. */
  readonly kind: string
  readonly start: number
  readonly end: number | null
  readonly rule: string | null
  readonly label: string | null
  readonly peak: number | null
  readonly clip_ids: readonly string[]
  readonly thumbnail: string | null
  readonly video: string | null
  readonly code: string | null
  readonly detail: string | null
}

/** The values of topics, by the schema's file name. */
export interface Values {
  readonly video: VideoRecord
  readonly clip: ClipRecord
  readonly embedding: EmbeddingRecord
  readonly label: LabelsRecord
  readonly event: EventRecord
}

export type ValueName = keyof Values
