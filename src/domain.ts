/**
 * The nouns every room shares. Data only, no behaviour.
 *
 * Times are seconds from the video's first frame; a camera's, whose source is `camera:ID`, are Unix seconds. Pixels are RGB, 0..255, row-major `[height, width, 3]`.
 */

/** A video somewhere a reader can open it. */
export interface Video {
  /** Stable name, the key of every result: the path relative to `--root`, or absolute when outside it. */
  readonly source: string
  /** Where it lies: a local path, or `s3://bucket/key`. */
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
  /** Hash of the content (size and samples of it): the same bytes have the same fingerprint on every machine. */
  readonly fingerprint: string
  /** In a bucket, the object's ETag: with the size, that is what the fingerprint is made of. */
  readonly etag?: string
}

/** How clips are cut out of a video. */
export type Sampling =
  /** One clip of `frames` frames over the whole video, by the STAN authors' index rule. */
  | { readonly kind: 'uniform'; readonly frames: number }
  /** A clip of `frames` frames every `stride` seconds, each `length` seconds long. */
  | { readonly kind: 'window'; readonly frames: number; readonly length: number; readonly stride: number }

/** One decoded picture, already cropped and scaled for the model. Shared between overlapping clips. */
export interface Frame {
  /** Position in display order, counted from 0. */
  readonly index: number
  readonly time: number
  readonly pixels: Uint8Array
}

/** A camera's picture: `index` counts on and `time` (Unix seconds) ascends strictly, across reconnects too. */
export interface LiveFrame extends Frame {
  /** `camera:ID`. */
  readonly source: string
  /** Counts connections: between frames of different runs something may be missing. */
  readonly run: number
  /** How much it differs from those just before it, 0..255, where the decoder was asked to measure that. */
  readonly change?: number
}

/**
 * A picture of a camera's stream as it came, compressed: a fragment of MP4. `header` and the pieces of one run, from one
 * with `key` on, are together a playable file.
 */
export interface StreamPiece {
  /** `camera:ID`. */
  readonly source: string
  readonly run: number
  /** `ftyp` and `moov`; the same object for all pieces of a run. */
  readonly header: Uint8Array
  /** Unix seconds at which it is decoded, on the clock of the camera's frames. */
  readonly time: number
  /** Whether a decoder can start here. */
  readonly key: boolean
  /** `moof` and `mdat`, with whatever boxes lie between. */
  readonly bytes: Uint8Array
}

/** Which frames make one clip: what sampling decides before anything is decoded. */
export interface ClipPlan {
  /** Position among the video's clips, counted from 0. */
  readonly index: number
  readonly start: number
  readonly end: number
  /** Frame indices in ascending order; a very short video repeats some. */
  readonly frameIndices: readonly number[]
}

/** `frames.length` pictures that the model sees as one moment. */
export interface Clip {
  /** Hash of source, content, start, end, sampling and model digest: the same work has the same id everywhere. */
  readonly id: string
  readonly video: Video
  readonly index: number
  readonly start: number
  readonly end: number
  readonly frames: readonly Frame[]
}

/** A clip's place in its video, without its pixels. */
export interface Moment {
  readonly clipId: string
  readonly source: string
  readonly clipIndex: number
  readonly start: number
  readonly end: number
  readonly frameTimes: readonly number[]
}

/** What token-wise similarities compare: a clip's frames, each by itself. */
export interface FrameVectors {
  /** `[frames, dim]`, each of unit length, frame by frame. */
  readonly vectors: Float32Array
  /** `[frames]`: how much each counts in `wti`, 1 in all; where the model was trained with it. */
  readonly weights?: Float32Array
}

/** A clip's L2-normalised video embedding. */
export interface Embedding extends Moment {
  readonly modelDigest: string
  /** `[dim]`, unit length. */
  readonly vector: Float32Array
  /** Where they are kept. */
  readonly frames?: FrameVectors
}

/** One label of a clip. */
export interface Label {
  readonly label: string
  /** Softmax over the label set of `exp(logit_scale) · similarity`, 0..1. */
  readonly score: number
  /** Cosine between the clip and the label's (prompt-averaged) text embedding. */
  readonly similarity: number
}

/** An embedding and its best labels, best first; `labels` is empty when no label set was given. */
export interface LabelledEmbedding extends Embedding {
  readonly labels: readonly Label[]
}

/** What happens at a source. */
export type EventKind = 'rule-opened' | 'rule-closed' | 'camera-up' | 'camera-down' | 'camera-gap'

/** Something that happened at a source. What opens an episode and what closes it are two events. */
export interface Event {
  /** The same event made twice, by a replay say, has the same id. */
  readonly id: string
  /** Shared by what opens an episode and what closes it. */
  readonly episodeId: string
  readonly source: string
  readonly kind: EventKind
  /** Seconds, as in the source's clips: since 1970 for a camera. */
  readonly start: number
  /** `null` while it lasts. */
  readonly end: number | null
  readonly rule?: string
  /** Of the rule's labels, the one that scored highest at the peak. */
  readonly label?: string
  /** The highest score so far, 0..1. */
  readonly peak?: number
  /** Seconds: the middle of the clip that scored highest. */
  readonly peakAt?: number
  readonly clipIds: readonly string[]
  /** Path or URI of a JPEG of the peak. */
  readonly thumbnail?: string
  /** Path or URI of an MP4 of the seconds around the start. */
  readonly video?: string
  /** Why a camera went, as an error code. */
  readonly code?: string
  /** The same as a sentence, without secrets. */
  readonly detail?: string
}
