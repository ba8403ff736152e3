import type { Embedding, FrameVectors, Label, Moment } from '../../../domain.js'
import type { ResultFormat } from '../../store.js'
import type { RecipePlace } from '../layout.js'

/** One row of a labels file: a clip and one of its labels. */
export interface LabelRow extends Omit<Moment, 'frameTimes'>, Label {
  readonly modelDigest: string
  /** Digest of the label set. */
  readonly labelSet: string
  /** 1 for the best label. */
  readonly rank: number
}

/** What every file says about itself. */
export interface FileFacts {
  /** Of stanflow. */
  readonly version: string
  readonly modelDigest: string
  readonly dim: number
  /** As `samplingSlug` writes it. */
  readonly sampling: string
  /** Where it came from, for files that are made of topics. */
  readonly more?: ReadonlyMap<string, string>
}

/** A file to be written; the path is relative to the output folder. */
export interface EncodedFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** What is read of stored clips: with their vectors, or (cheaper) without. */
export interface DecodedClip extends Moment {
  readonly modelDigest: string
  /** `[dim]`; absent where vectors were not asked for. */
  readonly vector?: Float32Array
  /** Where they are stored, and were asked for. */
  readonly frames?: FrameVectors
}

export interface DecodeOptions {
  readonly vectors: boolean
  /** Those of frames too, where they are stored. Default: no. */
  readonly frames?: boolean
  /**
   * Which clips to answer with. A rewrite of a two-file format that was ended by force in between has one file with
   * all clips and one with these alone.
   */
  readonly keep?: (clip: Moment) => boolean
}

/** One way to put rows into files and to get them back. Rows keep their order. */
export interface Codec {
  /** The format that its labels files are in. */
  readonly labelsFormat: ResultFormat
  /** The files of a part's embeddings; most formats need one. */
  encodeEmbeddings(
    place: RecipePlace,
    part: string,
    rows: readonly Embedding[],
    facts: FileFacts,
  ): readonly EncodedFile[]
  /** `files` as `encodeEmbeddings` made them, in its order. */
  decodeEmbeddings(files: readonly Uint8Array[], options: DecodeOptions): DecodedClip[]
  encodeLabels(
    place: RecipePlace,
    part: string,
    rows: readonly LabelRow[],
    facts: FileFacts,
  ): readonly EncodedFile[]
  decodeLabels(files: readonly Uint8Array[]): LabelRow[]
}

/** Labels in rank order as rows. */
export function labelRows(
  clip: Moment & { readonly modelDigest: string },
  labels: readonly Label[],
  labelSet: string,
): LabelRow[] {
  const { clipId, source, clipIndex, start, end, modelDigest } = clip
  return labels.map((label, i) => ({
    ...{ clipId, source, clipIndex, start, end, modelDigest, labelSet, rank: i + 1 },
    ...{ label: label.label, score: label.score, similarity: label.similarity },
  }))
}
